"""The real doors: clocks and recorded files. The only room that reads a clock, sleeps or opens a market recording."""
