"""What guests get: links, the page behind them, and the messages that carry them."""
