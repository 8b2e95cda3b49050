"""One module per kind of server; each is imported only when it is used."""
