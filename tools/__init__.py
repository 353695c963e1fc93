"""How the book is made: notebooks are run and kept, pages are assembled, the site is built."""
