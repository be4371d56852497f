package replica

import "sync"

// queue hands items from many goroutines to one. It is not a channel because
// pushing must never block the loop and taking takes everything at once: that
// is what makes one fsync, one flush and one wake-up serve many batches. Its
// length is bounded by those who push: every connection has one batch in
// flight, every peer a window.
type queue[T any] struct {
	mu    sync.Mutex
	items []T
	spare []T
	ready chan struct{} // holds a token when items may be there
}

func newQueue[T any]() *queue[T] { return &queue[T]{ready: make(chan struct{}, 1)} }

func (q *queue[T]) push(items ...T) {
	q.mu.Lock()
	wake := len(q.items) == 0
	q.items = append(q.items, items...)
	q.mu.Unlock()
	if wake {
		select {
		case q.ready <- struct{}{}:
		default:
		}
	}
}

// take returns everything queued. The slice is valid until the next take.
func (q *queue[T]) take() []T {
	q.mu.Lock()
	taken := q.items
	clear(q.spare)
	q.items, q.spare = q.spare[:0], taken
	q.mu.Unlock()
	return taken
}
