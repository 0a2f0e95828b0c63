"""The ledger: what plans have recommended, what people said of it, what the bill shows of it since."""
