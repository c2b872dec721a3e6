package organizations

import (
	"io"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// alphabet is what ids are made of: the lower-case letters and digits.
const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

// newID returns n random characters (Organizations API reference, on the
// patterns of ids).
func newID(c *api.Call, n int) string {
	var b strings.Builder
	var one [1]byte
	for b.Len() < n {
		if _, err := io.ReadFull(c.Rand, one[:]); err != nil {
			panic("organizations: no randomness: " + err.Error())
		}
		// 252 is the greatest multiple of 36: what lies above would favour some.
		if one[0] < 252 {
			b.WriteByte(alphabet[int(one[0])%len(alphabet)])
		}
	}
	return b.String()
}

// newAccountID returns twelve random digits that no account in the organization has.
func (o *organization) newAccountID(c *api.Call) string {
	for {
		var b strings.Builder
		var one [1]byte
		for b.Len() < 12 {
			if _, err := io.ReadFull(c.Rand, one[:]); err != nil {
				panic("organizations: no randomness: " + err.Error())
			}
			if one[0] < 250 && (b.Len() > 0 || one[0]%10 != 0) {
				b.WriteByte('0' + one[0]%10)
			}
		}
		if _, taken := o.Accounts[b.String()]; !taken {
			return b.String()
		}
	}
}
