"""The shapes of the providers' answers, as their contracts have them; made by chance, whole or damaged."""
