"""PostgreSQL: connections, migrations, partitions, COPY, rollups. The only place that imports psycopg."""
