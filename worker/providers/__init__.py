"""Payment providers: each executes instructions and says what came of them."""
