// Package spell finds the known word that a mistyped one most likely meant.
package spell

// Nearest gives the known word closest to word, or "" if none is close enough to suggest:
// at most a third of the letters, and never more than three, may differ.
func Nearest(word string, known []string) string {
	best, bestDistance := "", min(len(word)/3+1, 3)+1
	for _, candidate := range known {
		if d := distance(word, candidate); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is Levenshtein's: insertions, deletions and substitutions, over bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
