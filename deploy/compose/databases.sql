-- The decision log and the key store are two databases, so that a dump of the log opens nothing.
CREATE DATABASE log;
CREATE DATABASE keys;
