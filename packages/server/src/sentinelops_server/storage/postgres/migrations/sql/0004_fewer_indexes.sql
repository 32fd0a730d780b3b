-- A request is found by the key of its span: an index of the same in letters was written for every call, and asked for one at a time.
DROP INDEX request_metrics_request_id;
