"""The results file: schema, tables in memory, writer."""
