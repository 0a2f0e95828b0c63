"""What a command says: the trust line first, then the numbers, as text or as rows in any format."""
