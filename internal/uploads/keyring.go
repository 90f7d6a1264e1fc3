package uploads

import (
	"context"
	"sync"
	"time"
)

// keyring hands out blob keys that are in the bin already. It reserves them by
// the batch: one small commit for many parts instead of one for each.
type keyring struct {
	meta  Meta
	now   func() time.Time
	lease time.Duration

	mu   sync.Mutex // held while a batch is reserved, so that waiters share it
	keys []string
	due  int64
}

const keyBatch = 64

// take returns a key that nobody has had before. Its bin entry stays alive for
// at least half the lease.
func (k *keyring) take(ctx context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	half := int64(k.lease / 2 / time.Second)
	if left := k.due - now.Unix(); len(k.keys) == 0 || left < half || left > 2*half+1 {
		keys := make([]string, keyBatch)
		for i := range keys {
			keys[i] = newHexID(partPrefix)
		}
		due := now.Add(k.lease).Unix()
		if err := k.meta.Reserve(ctx, keys, due); err != nil {
			return "", err
		}
		k.keys, k.due = keys, due
	}
	key := k.keys[len(k.keys)-1]
	k.keys = k.keys[:len(k.keys)-1]
	return key, nil
}
