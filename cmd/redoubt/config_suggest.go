package main

import "strings"

// suggestion is the end of an error about an unknown setting: what may have
// been meant, or nothing.
func suggestion(name string) string {
	switch name { // Redis has these, with another cut
	case "port", "bind":
		return "; redoubt has addr HOST:PORT"
	case "dir", "dbfilename":
		return "; redoubt has data-dir DIR"
	case "appendfsync", "appendonly":
		return "; redoubt has fsync yes|no"
	case "loglevel":
		return "; redoubt has log-level"
	case "save":
		return "; redoubt has snapshot-bytes and snapshot-interval"
	case "maxmemory-policy":
		return "; redoubt never evicts"
	}
	best, bestDistance := "", len(name)/3+1
	for _, s := range settings() {
		d := editDistance(name, s.name)
		if len(name) >= 4 && strings.HasPrefix(s.name, name) {
			d = 0
		}
		if d <= bestDistance && (best == "" || d < bestDistance) {
			best, bestDistance = s.name, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// editDistance is the number of insertions, deletions and substitutions that
// turn a into b (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
