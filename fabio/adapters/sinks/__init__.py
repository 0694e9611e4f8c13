"""Where records go besides the folder: SQL databases, BigQuery, Firestore; all match `port.Sink`."""
