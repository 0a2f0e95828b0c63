"""The warehouse: Delta Lake tables queried by embedded DuckDB. The only package that imports duckdb and deltalake."""
