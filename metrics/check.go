package metrics

// Check is one condition of readiness.
type Check struct {
	Name   string // leader, caught_up, disk, …
	OK     bool
	Detail string // why not, or a figure
}
