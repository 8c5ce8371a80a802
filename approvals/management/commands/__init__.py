"""Commands of the requests to spend: `replay` and `backtest`."""
