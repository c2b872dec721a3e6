package cloudtrail

import (
	"compress/gzip"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// deliveryPlace reads an S3 URI.
func deliveryPlace(uri string) (bucket, prefix string, ok bool) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	bucket, prefix, _ = strings.Cut(rest, "/")
	return bucket, strings.TrimSuffix(prefix, "/"), ok
}

// checkDelivery has a query's results go to a bucket, which must be there.
func (s *Service) checkDelivery(q *query, uri *string) error {
	if uri == nil {
		return nil
	}
	bucket, prefix, ok := deliveryPlace(*uri)
	if !ok {
		return invalidBucketName(*uri)
	}
	if err := s.checkBucket(bucket); err != nil {
		return err
	}
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	q.Bucket, q.Prefix, q.URI, q.Delivery = bucket, prefix, *uri, types.DeliveryStatusPending
	return nil
}

// resultFolder is where a query's files lie (CloudTrail guide, "Find your
// CloudTrail Lake saved query results").
func (q query) resultFolder() string {
	folder := "AWSLogs/" + q.Account + "/CloudTrail-Lake/Query/" + q.Finished.UTC().Format("2006/01/02") + "/" + q.ID + "/"
	if q.Prefix != "" {
		folder = q.Prefix + "/" + folder
	}
	return folder
}

// resultFile is the one file of a result; AWS makes several of a large one.
const resultFile = "result_1.csv.gz"

// signFile is what signs for the files of a result (CloudTrail guide,
// "CloudTrail sign file structure").
type signFile struct {
	Version              string         `json:"version"`
	Region               string         `json:"region"`
	Files                []signedResult `json:"files"`
	HashAlgorithm        string         `json:"hashAlgorithm"`
	SignatureAlgorithm   string         `json:"signatureAlgorithm"`
	QueryCompleteTime    string         `json:"queryCompleteTime"`
	HashSignature        string         `json:"hashSignature"`
	PublicKeyFingerprint string         `json:"publicKeyFingerprint"`
}

type signedResult struct {
	FileHashValue string `json:"fileHashValue"`
	FileName      string `json:"fileName"`
}

// deliver puts a finished query's result into its bucket, and then the file that
// signs for it.
func (a *Analyst) deliver(ctx context.Context, q query) (types.DeliveryStatus, error) {
	sum := sha256.New()
	var broken error
	err := a.service.buckets.Put(ctx, q.Bucket, q.resultFolder()+resultFile, nil, func(w io.Writer) error {
		broken = a.writeResult(ctx, q, io.MultiWriter(w, sum))
		return broken
	})
	if broken != nil {
		return "", broken
	}
	if err != nil {
		a.log.Warn("a query's result is not delivered", "query", q.ID, "bucket", q.Bucket, "err", err)
		return deliveryStatus(err, types.DeliveryStatusFailed, types.DeliveryStatusAccessDenied), nil
	}
	key, err := a.service.signingKey(ctx, a.store, q.Region, "", q.Finished)
	if err != nil {
		return "", err
	}
	sign, err := newSignFile(q, hexSum(sum), key)
	if err != nil {
		return "", err
	}
	err = a.service.buckets.Put(ctx, q.Bucket, q.resultFolder()+"result_sign.json", nil, func(w io.Writer) error {
		_, err := w.Write(sign)
		return err
	})
	if err != nil {
		a.log.Warn("a query's sign file is not delivered", "query", q.ID, "bucket", q.Bucket, "err", err)
		return deliveryStatus(err, types.DeliveryStatusFailedSigningFile, types.DeliveryStatusAccessDeniedSigningFile), nil
	}
	return types.DeliveryStatusSuccess, nil
}

// deliveryStatus is what DescribeQuery says of a bucket that did not take a file.
func deliveryStatus(err error, failed, denied types.DeliveryStatus) types.DeliveryStatus {
	switch {
	case errors.Is(err, api.ErrNoBucket):
		return types.DeliveryStatusResourceNotFound
	case errors.Is(err, fs.ErrPermission):
		return denied
	}
	return failed
}

// newSignFile signs the hash of a result's file (CloudTrail guide, "Custom
// implementations of CloudTrail query result file integrity validation").
func newSignFile(q query, hash string, key signingKey) ([]byte, error) {
	signed := sha256.Sum256([]byte(hash))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key.private, crypto.SHA256, signed[:])
	if err != nil {
		return nil, fmt.Errorf("cloudtrail: sign file: %w", err)
	}
	return json.Marshal(signFile{
		Version: "1.0", Region: q.Region, Files: []signedResult{{FileHashValue: hash, FileName: resultFile}},
		HashAlgorithm: hashAlgorithm, SignatureAlgorithm: signatureAlgorithm,
		QueryCompleteTime: q.Finished.UTC().Format(time.RFC3339), HashSignature: hex.EncodeToString(signature),
		PublicKeyFingerprint: key.Fingerprint,
	})
}

// writeResult writes a result as compressed lines of values parted by commas,
// under a line of the columns' names.
func (a *Analyst) writeResult(ctx context.Context, q query, to io.Writer) error {
	packed := gzip.NewWriter(to)
	w := csv.NewWriter(packed)
	if err := w.Write(q.Columns); err != nil {
		return fmt.Errorf("cloudtrail: result: %w", err)
	}
	line := make([]string, len(q.Columns))
	for at := int64(0); at < q.Rows; {
		// A page at a time: no transaction is open while a file is written.
		var page [][]*string
		err := a.store.View(ctx, func(tx store.Tx) error {
			page = page[:0]
			return q.results(tx, at, func(row []*string) bool {
				page = append(page, row)
				return len(page) < rowsPerPage
			})
		})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return fmt.Errorf("cloudtrail: result of query %s: row %d is missing", q.ID, at)
		}
		for _, values := range page {
			for i := range line {
				if line[i] = ""; i < len(values) && values[i] != nil {
					line[i] = *values[i]
				}
			}
			if err := w.Write(line); err != nil {
				return fmt.Errorf("cloudtrail: result: %w", err)
			}
		}
		at += int64(len(page))
	}
	w.Flush()
	if err := errors.Join(w.Error(), packed.Close()); err != nil {
		return fmt.Errorf("cloudtrail: result: %w", err)
	}
	return nil
}
