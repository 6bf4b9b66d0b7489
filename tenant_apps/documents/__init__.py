"""How PDF is made: the campus's name and logo, and what people typed as data. No tables."""
