package main

// nearest is the name that somebody may have meant: the one that takes the fewest
// letters to be changed, and about a third of them at most. Empty: none is near.
func nearest(word string, names []string) string {
	best, found := max((len(word)+1)/3, 1)+1, ""
	for _, name := range names {
		if d := distance(word, name); d < best {
			best, found = d, name
		}
	}
	return found
}

// distance is how many letters have to be put in, taken out or replaced to make b of
// a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // the distances of what of a was looked at to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0] // of the row above, one to the left
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
