package bench

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// compatLink sends batches through a go-redis client that has one connection.
type compatLink struct{ client *redis.Client }

func dialCompat(ctx context.Context, addr string, o *Options) (link, error) {
	c := redis.NewClient(&redis.Options{
		Addr: addr, Password: o.Password, DB: o.DB,
		// A retry would be a second request that nobody counts, and could
		// execute a write twice.
		MaxRetries: -1, DialerRetries: 1, PoolSize: 1,
		DialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout,
	})
	if err := c.Ping(ctx).Err(); err != nil {
		c.Close()
		return nil, err
	}
	return &compatLink{client: c}, nil
}

func (l *compatLink) close() { l.client.Close() }

func (l *compatLink) roundTrip(batch []request) error {
	// The timeouts of the client hold; an interrupted run waits for its replies.
	ctx := context.Background()
	cmds := make([]*redis.Cmd, len(batch))
	for i := range batch {
		args := make([]any, len(batch[i].args))
		for j, a := range batch[i].args {
			args[j] = a
		}
		cmds[i] = redis.NewCmd(ctx, args...)
	}
	if len(cmds) == 1 {
		_ = l.client.Process(ctx, cmds[0]) // the command holds its error
	} else {
		p := l.client.Pipeline()
		for _, c := range cmds {
			_ = p.Process(ctx, c) // queued; Exec sends
		}
		_, _ = p.Exec(ctx) // each command holds its error
	}
	now := time.Now()
	for i, c := range cmds {
		p, err := compatReply(c)
		if err != nil {
			return err
		}
		batch[i].reply, batch[i].arrived = p, now
	}
	return nil
}

// compatReply finds the RESP2 type of what go-redis made of a reply.
func compatReply(c *redis.Cmd) (reply, error) {
	v, err := c.Result()
	var said redis.Error
	switch {
	case errors.Is(err, redis.Nil):
		return reply{kind: '$', null: true}, nil
	case errors.As(err, &said):
		code, _, _ := strings.Cut(said.Error(), " ")
		return reply{kind: '-', code: code}, nil
	case err != nil:
		return reply{}, err
	}
	switch v.(type) {
	case int64:
		return reply{kind: ':'}, nil
	case []any:
		return reply{kind: '*'}, nil
	}
	return reply{kind: anyString}, nil
}
