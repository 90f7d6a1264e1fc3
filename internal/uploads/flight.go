package uploads

import (
	"context"
	"math"
	"sync"

	"uploadd/api"
)

// flights counts the bytes that are being stored and are not recorded yet. The
// accounts say nothing of them: without a bound a caller with a small limit could fill
// the disk with files that it never ends. What is in flight of an account may be as
// much as it may hold besides its Files, and a Part more. Each process counts its own.
type flights struct {
	mu    sync.Mutex
	bytes map[string]int64 // by account
}

// flight is the bytes of one request.
type flight struct {
	of    *flights
	most  map[string]int64 // by account
	bytes int64
}

// begin counts a request for accounts, until end.
func (f *flights) begin(accounts []Account, part int64) *flight {
	fl := &flight{of: f, most: map[string]int64{}}
	for _, a := range accounts {
		if a.Limits.Bytes != Unlimited {
			fl.most[a.String()] = max(a.Limits.Bytes-a.Bytes, 0) + min(part, math.MaxInt64-a.Limits.Bytes)
		}
	}
	return fl
}

// add counts n bytes more, or fails if they are too many.
func (fl *flight) add(n int64) error {
	fl.of.mu.Lock()
	defer fl.of.mu.Unlock()
	for account, most := range fl.most {
		if fl.of.bytes[account] > most-n {
			return api.Errorf(api.ErrTooManyRequests, "",
				"More bytes are on their way than the %s may hold: wait until some have arrived.", account).WithRetryAfter(2)
		}
	}
	for account := range fl.most {
		fl.of.bytes[account] += n
	}
	fl.bytes += n
	return nil
}

func (fl *flight) end() {
	fl.of.mu.Lock()
	defer fl.of.mu.Unlock()
	for account := range fl.most {
		if fl.of.bytes[account] -= fl.bytes; fl.of.bytes[account] == 0 {
			delete(fl.of.bytes, account)
		}
	}
}

// fly begins a flight for the caller.
func (t *tenant) fly(ctx context.Context) (*flight, []Account, error) {
	accounts, err := t.Meta.Accounts(ctx, t.caller)
	if err != nil {
		return nil, nil, storeError(err)
	}
	return t.flights.begin(accounts, t.MaxPart), accounts, nil
}
