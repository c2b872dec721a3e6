package sts

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// EncodeAuthorizationMessage seals what led to a denial, a JSON object, so that
// it can be shown to the caller, who learns nothing from it without the
// permission sts:DecodeAuthorizationMessage.
func (s *Service) EncodeAuthorizationMessage(message []byte) string {
	return base64.RawURLEncoding.EncodeToString(s.root.Seal(messagePurpose, pack(message), nil))
}

// decode opens a sealed message.
func (s *Service) decode(encoded string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(encoded), "="))
	if err != nil {
		return nil, err
	}
	raw, err := s.root.Open(messagePurpose, sealed, nil)
	if err != nil {
		return nil, err
	}
	return unpack(raw)
}

func (s *Service) decodeAuthorizationMessage(c *api.Call, in *sts.DecodeAuthorizationMessageInput) (*sts.DecodeAuthorizationMessageOutput, error) {
	bad := &types.InvalidAuthorizationMessageException{Message: aws.String("Message is not valid")}
	message, err := s.decode(aws.ToString(in.EncodedMessage))
	if err != nil {
		return nil, bad
	}
	// A message is for the account of whoever was denied.
	var of struct {
		Context struct {
			Principal struct {
				ARN string `json:"arn"`
			} `json:"principal"`
		} `json:"context"`
	}
	if err := json.Unmarshal(message, &of); err != nil || accountOf(of.Context.Principal.ARN) != c.Account {
		return nil, bad
	}
	return &sts.DecodeAuthorizationMessageOutput{DecodedMessage: aws.String(string(message))}, nil
}

// accountOf is the account in an ARN.
func accountOf(arn string) string {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 {
		return ""
	}
	return part[4]
}

func (s *Service) getAccessKeyInfo(c *api.Call, in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	id := aws.ToString(in.AccessKeyId)
	account, err := s.iam.KeyAccount(c.Tx, id)
	if errors.Is(err, store.ErrNotFound) {
		var ok bool
		// Sessions are in no store, but their keys name the account.
		if account, ok = keyAccount(id); !ok || !strings.HasPrefix(id, keyPrefix) {
			return nil, invalid("Invalid access key id: %s", id)
		}
	} else if err != nil {
		return nil, err
	}
	return &sts.GetAccessKeyInfoOutput{Account: aws.String(account)}, nil
}
