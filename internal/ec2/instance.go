package ec2

import (
	"encoding/json"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) instanceOperations() []api.Operation { return nil }

func (s *Service) instanceTasks() map[string]func(*api.Call, json.RawMessage) error { return nil }
