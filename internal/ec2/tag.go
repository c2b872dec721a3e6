package ec2

import "github.com/keyturn/keyturn/internal/api"

func (s *Service) tagOperations() []api.Operation { return nil }
