package replica

import (
	"time"

	"redoubt/raft"
)

// logItem is one step of the logger: a write, or else the index up to which the
// log may be dropped.
type logItem struct {
	write   raft.Write
	compact uint64
}

// runLogger owns the log. While one fsync runs the next writes queue up; they
// share the next frame and its fsync. The first error ends the node: what is on
// the disk after a failed write is anybody's guess.
func (n *Node) runLogger() {
	var batch []raft.Write
	for {
		last := false
		select {
		case <-n.quit:
			<-n.dead // the loop adds nothing more
			last = true
		case <-n.writes.ready:
		}
		if n.Err() != nil {
			return
		}
		batch = batch[:0]
		compact := uint64(0)
		for _, it := range n.writes.take() {
			if it.compact > 0 {
				compact = it.compact
				continue
			}
			batch = append(batch, it.write)
		}
		if err := n.writeLog(batch); err != nil {
			n.fence(err)
			return
		}
		clear(batch)
		if last {
			return
		}
		if compact > 0 {
			if err := n.wal.Compact(compact); err != nil {
				n.fence(err)
				return
			}
		}
	}
}

func (n *Node) writeLog(batch []raft.Write) error {
	if len(batch) == 0 {
		return nil
	}
	// A new commit index alone is worth no fsync: the next frame carries it, or the
	// end of the log, and after a crash the leader tells it again.
	st, err := n.wal.Append(batch)
	if err != nil {
		return err
	}
	if st.Frames > 0 {
		w := n.metrics.WAL
		w.WriteSeconds.Observe(st.WriteSeconds)
		w.FsyncSeconds.Observe(st.SyncSeconds)
		w.WrittenBytes.Add(float64(st.Bytes))
	}
	if st.Entries > 0 {
		n.metrics.Raft.BatchEntries.Observe(float64(st.Entries))
	}
	n.inbox.push(event{kind: evWrote, seq: batch[len(batch)-1].Seq})
	return nil
}

// watchDisk looks at the free space, so that writes are refused before the log
// is at risk.
func (n *Node) watchDisk() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		free, err := n.config.DataDir.FreeBytes()
		if err != nil {
			n.fence(err)
			return
		}
		n.disk.Store(free)
		n.inbox.push(event{kind: evDisk, free: free})
		select {
		case <-n.quit:
			return
		case <-ticker.C:
		}
	}
}
