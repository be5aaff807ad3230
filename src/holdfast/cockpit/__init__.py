"""The pages an operator looks at. One component a file; none of them decides, stores or computes anything of trading.

`mount.py` puts the page on the API's application; `page.py` lays it out; `shared.py` asks the node; `words.py` says
values; `table.py` and `facts.py` draw them in the browser (`static/`).
"""
