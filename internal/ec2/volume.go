package ec2

import (
	"encoding/json"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) volumeOperations() []api.Operation { return nil }

func (s *Service) volumeTasks() map[string]func(*api.Call, json.RawMessage) error { return nil }
