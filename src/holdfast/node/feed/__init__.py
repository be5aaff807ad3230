"""The live feed: real markets followed over sockets and requests, and handed to the walk as closed candles."""
