package admin

// column is a head of a list.
type column struct {
	Label string
	Path  string // the list in the order of this column; empty: there is none
	Sort  string // ascending or descending, if it is in the order of this column
	Class string
}

// sorting is the order of a list as its address has it, in the parameters "order" and "down": empty is by name, upwards.
type sorting struct {
	list  listURL
	order string
	down  bool
}

func sortingOf(l listURL) sorting {
	return sorting{l, l.query.Get("order"), l.query.Get("down") != ""}
}

// column is the head of a column with an order. The first click on one of numbers or times has the highest first.
func (s sorting) column(label, order, class string) column {
	c := column{Label: label, Class: class}
	down := class != ""
	if order == s.order {
		c.Sort, down = "ascending", !s.down
		if s.down {
			c.Sort = "descending"
		}
	}
	flag := ""
	if down {
		flag = "1"
	}
	c.Path = s.list.with("order", order, "down", flag)
	return c
}
