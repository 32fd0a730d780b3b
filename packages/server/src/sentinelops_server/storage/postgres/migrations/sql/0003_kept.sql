-- How many rows the weighted sums of a rollup were made of: below its requests, they are estimates.
-- NULL, in rollups from before this: as many as requests.
ALTER TABLE rollups ADD COLUMN kept FLOAT;
