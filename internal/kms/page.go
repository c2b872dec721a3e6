package kms

import (
	"encoding/base64"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// page cuts a listing, which comes in the order of ids. A marker is the id of
// the next entry in base64: opaque to the caller, and still good when that
// entry was deleted meanwhile.
type page struct {
	from  string
	left  int
	after string // the first id that did not fit
}

func newPage(limit *int32, marker *string, byDefault, most int) (*page, error) {
	p := &page{left: byDefault}
	if limit != nil {
		p.left = min(int(*limit), most)
	}
	if marker == nil {
		return p, nil
	}
	from, err := base64.RawURLEncoding.DecodeString(*marker)
	id, ours := strings.CutPrefix(string(from), markerPrefix)
	if err != nil || !ours || id == "" {
		return nil, &kmstypes.InvalidMarkerException{Message: aws.String("The marker is not valid.")}
	}
	p.from = id
	return p, nil
}

// markerPrefix tells a marker of ours from what happens to be base64.
const markerPrefix = "next "

// full reports whether the entry with that id is beyond the page; otherwise it
// takes its place on it.
func (p *page) full(id string) bool {
	if p.left <= 0 {
		p.after = id
		return true
	}
	p.left--
	return false
}

// next gives Truncated and NextMarker.
func (p *page) next() (bool, *string) {
	if p.after == "" {
		return false, nil
	}
	return true, aws.String(base64.RawURLEncoding.EncodeToString([]byte(markerPrefix + p.after)))
}
