package ec2

import "iter"

// room returns full if there are as many rows as an account may have, or more.
func room[T any](rows iter.Seq2[T, error], most int, full error) error {
	there := 0
	for _, err := range rows {
		if err != nil {
			return err
		}
		there++
	}
	if there >= most {
		return full
	}
	return nil
}
