package config

import "strings"

// nearest gives the candidate that a word was most likely meant to be, or nothing.
func nearest(word string, candidates []string) string {
	word = strings.ReplaceAll(strings.ToLower(word), "_", "-")
	best, least := "", 1+max(1, len(word)/4) // more than a quarter wrong is another word
	for _, candidate := range candidates {
		if d := len(candidate) - len(word); d >= least || -d >= least {
			continue
		}
		if d := distance(word, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance is the number of bytes to insert, remove, replace or swap with the next to get from a to b.
func distance(a, b string) int {
	var before, above []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, above, row = above, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replaced := above[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

// suggestion is what to add to a message about an unknown word, if there is anything like it.
func suggestion(word, dashes string, candidates []string) string {
	if best := nearest(word, candidates); best != "" {
		return ": did you mean " + dashes + best + "?"
	}
	return ""
}
