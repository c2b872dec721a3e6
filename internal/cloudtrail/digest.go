package cloudtrail

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/keyturn/keyturn/internal/store"
)

// chain is a trail's digests for an account and region: what the next one is to
// tell of, and what the last one was.
type chain struct {
	Account, Region string
	Start           time.Time
	Files           []logFile `json:",omitempty"`
	// End and Fingerprint are set when a digest is being made: made again, it is
	// the same.
	End         time.Time `json:",omitzero"`
	Fingerprint string    `json:",omitempty"`
	Previous    *link     `json:",omitempty"`
}

// link is what a digest says of the one before it.
type link struct{ Bucket, Key, Hash, Signature string }

var chainTable = store.NewTable[chain]("cloudtrail.digest")

// chainID is a chain's id: those of a trail stand together.
func chainID(trail, account, region string) string { return trail + "." + account + "." + region }

// addToChains has the next digests tell of log files that were delivered. A chain
// begins with the first of its files, which was delivered at a time.
func addToChains(tx store.Tx, t trail, at time.Time, files []logFile) error {
	for _, f := range files {
		id := chainID(t.ID, f.Account, f.Region)
		k, err := chainTable.Get(tx, courierScope, id)
		if errors.Is(err, store.ErrNotFound) {
			k, err = chain{Account: f.Account, Region: f.Region, Start: t.chainStart(at)}, nil
		}
		if err != nil {
			return err
		}
		k.Files = append(k.Files, f)
		if err := chainTable.Put(tx, courierScope, id, k); err != nil {
			return err
		}
	}
	return nil
}

// chainStart is when a chain begins whose first file was delivered at a time.
func (t trail) chainStart(at time.Time) time.Time {
	start := at.Add(-deliverEvery)
	for _, since := range []time.Time{t.Validated, t.Started} {
		if since.After(start) {
			start = since
		}
	}
	return start.Truncate(time.Second)
}

// digests delivers the digests of a trail that are due and tells when the next
// is; zero if there is no chain.
func (c *Courier) digests(ctx context.Context, r route, now time.Time) (next time.Time, err error) {
	chains, err := c.chains(ctx, r.trail.ID)
	if err != nil {
		return next, err
	}
	for id, k := range chains {
		due := k.Start.Add(digestEvery)
		if again := c.refused[id].Add(deliverEvery); again.After(due) {
			due = again
		}
		if !now.Before(due) {
			if due, err = c.digest(ctx, &r, id, k, now); err != nil {
				return next, err
			}
		}
		if !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	return next, nil
}

func (c *Courier) chains(ctx context.Context, trail string) (map[string]chain, error) {
	chains := make(map[string]chain)
	prefix := store.Key(courierScope.Account, courierScope.Region, "cloudtrail.digest", trail+".")
	err := c.store.View(ctx, func(tx store.Tx) error {
		for row, err := range tx.Scan(prefix, "") {
			if err != nil {
				return err
			}
			var k chain
			if err := json.Unmarshal(row.Value, &k); err != nil {
				return fmt.Errorf("cloudtrail: digest: %w", err)
			}
			chains[chainID(trail, k.Account, k.Region)] = k
		}
		return nil
	})
	return chains, err
}

// digest delivers one digest and tells when the next is due; zero if the chain
// has come to its end. A digest covers the time since the one before it: an hour,
// or more if the server stood still.
func (c *Courier) digest(ctx context.Context, r *route, id string, k chain, now time.Time) (next time.Time, err error) {
	if !r.trail.validating() && len(k.Files) == 0 && k.End.IsZero() {
		return next, c.endChain(ctx, id)
	}
	key, err := c.service.signingKey(ctx, c.store, k.Region, k.Fingerprint, now)
	if err != nil {
		return next, err
	}
	if k.End.IsZero() {
		k.End, k.Fingerprint = now.Truncate(time.Second), key.Fingerprint
		if err := c.putChain(ctx, id, k); err != nil {
			return next, err
		}
	}
	made, err := newDigest(r.trail, k, key)
	if err != nil {
		return next, err
	}
	err = c.service.buckets.Put(ctx, made.link.Bucket, made.link.Key, map[string]string{
		"signature": made.link.Signature, "signature-algorithm": signatureAlgorithm,
	}, func(w io.Writer) error { _, err := w.Write(made.packed); return err })
	if err != nil {
		c.log.Warn("a trail's digest is not delivered", "trail", r.trail.arn(), "bucket", r.trail.Bucket, "err", err)
		c.refused[id] = now
		return now.Add(deliverEvery), c.update(ctx, r, func(_ store.Tx, d *delivery) error {
			d.DigestError = s3Error(err)
			return nil
		})
	}
	delete(c.refused, id)
	following := chain{Account: k.Account, Region: k.Region, Start: k.End, Previous: &made.link}
	err = c.update(ctx, r, func(tx store.Tx, d *delivery) error {
		d.DigestError = ""
		note(&d.DigestDelivered, k.Region, now)
		if !r.trail.validating() {
			// The chain is broken: another one begins without a link to it.
			return chainTable.Delete(tx, courierScope, id)
		}
		return chainTable.Put(tx, courierScope, id, following)
	})
	if err != nil || !r.trail.validating() {
		return time.Time{}, err
	}
	return following.Start.Add(digestEvery), nil
}

func (c *Courier) putChain(ctx context.Context, id string, k chain) error {
	return c.store.Update(ctx, func(tx store.Tx) error { return chainTable.Put(tx, courierScope, id, k) })
}

func (c *Courier) endChain(ctx context.Context, id string) error {
	return c.store.Update(ctx, func(tx store.Tx) error { return chainTable.Delete(tx, courierScope, id) })
}

// signatureAlgorithm is how digests are signed; hashAlgorithm how files are
// hashed (CloudTrail guide, "CloudTrail digest file structure").
const (
	signatureAlgorithm = "SHA256withRSA"
	hashAlgorithm      = "SHA-256"
)

// digestContent is a digest, its members in CloudTrail's order (CloudTrail guide,
// "CloudTrail digest file structure"). What there is none of is null.
type digestContent struct {
	AWSAccountID                string       `json:"awsAccountId"`
	DigestStartTime             string       `json:"digestStartTime"`
	DigestEndTime               string       `json:"digestEndTime"`
	DigestS3Bucket              string       `json:"digestS3Bucket"`
	DigestS3Object              string       `json:"digestS3Object"`
	DigestPublicKeyFingerprint  string       `json:"digestPublicKeyFingerprint"`
	DigestSignatureAlgorithm    string       `json:"digestSignatureAlgorithm"`
	NewestEventTime             *string      `json:"newestEventTime"`
	OldestEventTime             *string      `json:"oldestEventTime"`
	PreviousDigestS3Bucket      *string      `json:"previousDigestS3Bucket"`
	PreviousDigestS3Object      *string      `json:"previousDigestS3Object"`
	PreviousDigestHashValue     *string      `json:"previousDigestHashValue"`
	PreviousDigestHashAlgorithm *string      `json:"previousDigestHashAlgorithm"`
	PreviousDigestSignature     *string      `json:"previousDigestSignature"`
	LogFiles                    []digestFile `json:"logFiles"`
}

type digestFile struct {
	S3Bucket        string `json:"s3Bucket"`
	S3Object        string `json:"s3Object"`
	HashValue       string `json:"hashValue"`
	HashAlgorithm   string `json:"hashAlgorithm"`
	NewestEventTime string `json:"newestEventTime"`
	OldestEventTime string `json:"oldestEventTime"`
}

// madeDigest is a digest that is ready to be delivered.
type madeDigest struct {
	packed []byte
	link   link
}

func newDigest(t trail, k chain, key signingKey) (madeDigest, error) {
	d := madeDigest{link: link{Bucket: t.Bucket, Key: t.digestKey(k)}}
	content, err := json.Marshal(digestOf(t, k, d.link.Key, key.Fingerprint))
	if err != nil {
		return d, fmt.Errorf("cloudtrail: digest: %w", err)
	}
	hash := sha256.Sum256(content)
	d.link.Hash = hex.EncodeToString(hash[:])
	// The string to sign (CloudTrail guide, "Custom implementations of CloudTrail
	// log file integrity validation").
	previous := "null"
	if k.Previous != nil {
		previous = k.Previous.Signature
	}
	signed := sha256.Sum256([]byte(stamp(k.End) + "\n" + d.link.Bucket + "/" + d.link.Key + "\n" + d.link.Hash + "\n" + previous))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key.private, crypto.SHA256, signed[:])
	if err != nil {
		return d, fmt.Errorf("cloudtrail: digest: %w", err)
	}
	d.link.Signature = hex.EncodeToString(signature)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(content); err != nil {
		return d, fmt.Errorf("cloudtrail: digest: %w", err)
	}
	if err := w.Close(); err != nil {
		return d, fmt.Errorf("cloudtrail: digest: %w", err)
	}
	d.packed = packed.Bytes()
	return d, nil
}

// digestKey names a digest: the region is that of its log files, then come the
// trail and the region where that is at home.
func (t trail) digestKey(k chain) string {
	return t.folder("CloudTrail-Digest", k.Account, k.Region, k.End) + k.Account + "_CloudTrail-Digest_" + k.Region + "_" +
		t.Name + "_" + t.Region + "_" + k.End.UTC().Format("20060102T150405Z") + ".json.gz"
}

func digestOf(t trail, k chain, object, fingerprint string) digestContent {
	d := digestContent{
		AWSAccountID: k.Account, DigestStartTime: stamp(k.Start), DigestEndTime: stamp(k.End),
		DigestS3Bucket: t.Bucket, DigestS3Object: object,
		DigestPublicKeyFingerprint: fingerprint, DigestSignatureAlgorithm: signatureAlgorithm,
		LogFiles: []digestFile{},
	}
	if p := k.Previous; p != nil {
		algorithm := hashAlgorithm
		d.PreviousDigestS3Bucket, d.PreviousDigestS3Object = &p.Bucket, &p.Key
		d.PreviousDigestHashValue, d.PreviousDigestHashAlgorithm = &p.Hash, &algorithm
		d.PreviousDigestSignature = &p.Signature
	}
	var all logFile
	for _, f := range k.Files {
		all.cover(f.Oldest)
		all.cover(f.Newest)
		d.LogFiles = append(d.LogFiles, digestFile{
			S3Bucket: f.Bucket, S3Object: f.Key, HashValue: f.Hash, HashAlgorithm: hashAlgorithm,
			NewestEventTime: stamp(f.Newest), OldestEventTime: stamp(f.Oldest),
		})
	}
	if len(k.Files) > 0 {
		newest, oldest := stamp(all.Newest), stamp(all.Oldest)
		d.NewestEventTime, d.OldestEventTime = &newest, &oldest
	}
	return d
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
