package ec2

import "github.com/keyturn/keyturn/internal/api"

func (s *Service) networkOperations() []api.Operation { return nil }
