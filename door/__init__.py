"""The doors and the processes behind them."""
