package store

// NameOrder is what APIs and statuses are listed by. The id breaks ties.
type NameOrder int

// Orders of APIs and statuses. How many transactions there are of each may change while somebody goes from page to page:
// what has overtaken another by then may be missed, or come twice.
const (
	NamesByName NameOrder = iota
	NamesByID
	NamesByTransactions
)

// NameQuery asks for a part of a list of APIs or statuses.
type NameQuery struct {
	Search     string // what the names have in them, in upper or lower case as far as it is ASCII; empty: anything
	Order      NameOrder
	Descending bool
	Page
}

// ordering is the order, where the column of counts_all has the id.
func (q NameQuery) ordering(column string) ordering {
	switch q.Order {
	case NamesByID:
		return ordering{list: "id", number: "id", descending: q.Descending}
	case NamesByTransactions:
		return ordering{
			list: "transactions", number: "coalesce(n, 0)", descending: q.Descending,
			from: "LEFT JOIN (SELECT " + column + " AS counted, SUM(n) AS n FROM counts_all GROUP BY counted) ON counted = id",
		}
	default:
		return ordering{list: "name", descending: q.Descending}
	}
}

// nameSearch finds what has a text in its name.
func nameSearch(text string) search {
	s := search{where: "TRUE"}
	if text != "" {
		s.and(hasName("name"), containing(text))
	}
	return s
}
