package devcluster

import (
	"os/exec"
	"runtime"
	"sync"
)

// starter starts processes from one thread that lives as long as the cluster. On
// Linux a child can be bound to its parent's death, and the parent in question is
// the thread, which Go would end or reuse as it likes.
type starter struct {
	jobs chan func()
	once sync.Once
}

func newStarter() *starter {
	s := &starter{jobs: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for job := range s.jobs {
			job()
		}
	}()
	return s
}

func (s *starter) start(cmd *exec.Cmd) error {
	done := make(chan error)
	s.jobs <- func() { done <- cmd.Start() }
	return <-done
}

func (s *starter) close() { s.once.Do(func() { close(s.jobs) }) }
