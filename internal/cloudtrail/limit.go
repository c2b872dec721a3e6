package cloudtrail

import (
	"sync"
	"time"
)

// LookupEvents is limited to two calls a second for an account and region
// (API reference, "LookupEvents"); more are throttled.
const lookupsPerSecond = 2

// lookupLimit counts calls, a bucket for each account and region. It is about
// load on this process, so each process of a shared server counts for itself.
type lookupLimit struct {
	mu      sync.Mutex // covers buckets
	buckets map[string]lookupBucket
}

// lookupBucket holds what is left of the calls allowed, as of a time.
type lookupBucket struct {
	left float64
	at   time.Time
}

// maxBuckets bounds the map: accounts and regions are the caller's to choose.
const maxBuckets = 4096

func (l *lookupLimit) allow(account, region string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buckets == nil || len(l.buckets) > maxBuckets {
		l.buckets = make(map[string]lookupBucket)
	}
	key := account + "/" + region
	b, ok := l.buckets[key]
	if !ok {
		b = lookupBucket{left: lookupsPerSecond, at: now}
	}
	if d := now.Sub(b.at); d > 0 {
		b.left = min(lookupsPerSecond, b.left+d.Seconds()*lookupsPerSecond)
		b.at = now
	}
	if b.left < 1 {
		l.buckets[key] = b
		return false
	}
	b.left--
	l.buckets[key] = b
	return true
}
