package diagnose

import (
	"regexp"
	"strings"
	"unicode"
)

// Message is what an error's text tells: of IAM, KMS or EC2, of an Auto Scaling
// activity, of Terraform or the AWS CLI around them.
type Message struct {
	// Denial is what an access denied message says, nil if it is none.
	Denial *Denial
	// Instance and Volume are ids, Key a KMS key's ARN, where the text has one.
	Instance, Volume, Key string
	// Encoded is for sts:DecodeAuthorizationMessage.
	Encoded string
	// Code is the error's code: "Client.InvalidKMSKey.InvalidState".
	Code string
}

// maxMessage bounds the text that is looked at.
const maxMessage = 64 << 10

var (
	volumeInText = regexp.MustCompile(`\bvol-([0-9a-f]{17}|[0-9a-f]{8})\b`)
	keyInText    = regexp.MustCompile(`arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+`)
	codeInText   = regexp.MustCompile(`\b(?:(?:Client|Server)\.[A-Za-z]+(?:\.[A-Za-z]+)*|[A-Z][A-Za-z]+Exception|UnauthorizedOperation|AccessDenied|CustomerKeyHasBeenRevoked)\b`)
)

// ParseMessage reads an error's text. Broken lines, colours and quotes around it
// do no harm. It reports false where it has nothing to go on.
func ParseMessage(text string) (Message, bool) {
	if len(text) > maxMessage {
		text = text[:maxMessage]
	}
	text = unbroken(text)
	m := Message{
		Instance: instanceInText.FindString(text), Volume: volumeInText.FindString(text),
		Key: keyInText.FindString(text), Encoded: EncodedMessage(text), Code: codeInText.FindString(text),
	}
	if d, ok := ParseDenial(text); ok {
		m.Denial = &d
		if m.Key == "" && strings.Contains(d.Resource, ":kms:") {
			m.Key = d.Resource
		}
	}
	return m, m.Denial != nil || m.Instance != "" || m.Volume != "" || m.Key != "" || m.Encoded != ""
}

// escapes are a terminal's colours (ECMA-48, "Select Graphic Rendition").
var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// unbroken puts a text that was copied from a terminal into one line: without
// colours, control characters and the bars that Terraform draws.
func unbroken(text string) string {
	text = escapes.ReplaceAllString(text, "")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '│' || r == '╷' || r == '╵':
			return ' '
		case unicode.IsControl(r):
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
