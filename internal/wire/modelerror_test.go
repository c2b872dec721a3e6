package wire_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/wire"
)

// exceptions are the SDK's modelled exceptions by code, and whether each is the
// service's fault: what the methods ErrorCode and ErrorFault of its types say.
func exceptions(t *testing.T, service string) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(moduleDir(t, service), "types", "errors.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes, faults := make(map[string]string), make(map[string]bool)
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv == nil {
			continue
		}
		typ := f.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if f.Name.Name == "ErrorCode" && n.Kind == token.STRING {
					codes[typ], _ = strconv.Unquote(n.Value)
				}
			case *ast.SelectorExpr:
				if f.Name.Name == "ErrorFault" && n.Sel.Name == "FaultServer" {
					faults[typ] = true
				}
			}
			return true
		})
	}
	all := make(map[string]bool, len(codes))
	for typ, code := range codes {
		all[code] = faults[typ]
	}
	return all
}

// TestModelledErrors: the code of every exception that the SDK has types for is
// known, and is answered as the client's fault or the service's.
func TestModelledErrors(t *testing.T) {
	t.Parallel()
	// At least as many exceptions of each service; EC2's model has none.
	for service, most := range map[string]int{
		"autoscaling": 10, "cloudtrail": 70, "ebs": 8, "iam": 25, "kms": 48, "organizations": 45, "sts": 8,
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			all := exceptions(t, service)
			if len(all) < most {
				t.Errorf("found %d exceptions, want %d or more", len(all), most)
			}
			model, _ := wire.Lookup(service)
			for code, fault := range all {
				w := httptest.NewRecorder()
				model.EncodeError(w, &smithy.GenericAPIError{Code: code, Message: "why"}, "id")
				if fault != (w.Code >= http.StatusInternalServerError) {
					t.Errorf("%s is answered with %d; is it the service's fault? %v", code, w.Code, fault)
				}
				if !strings.Contains(w.Body.String()+w.Header().Get("X-Amzn-Errortype"), code) {
					t.Errorf("%s is answered with %s", code, w.Body)
				}
			}
		})
	}
}

// TestStatuses: the HTTP status of errors, by service.
func TestStatuses(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		service, code string
		want          int
	}{
		{"ec2", "InvalidInstanceID.NotFound", http.StatusBadRequest},
		{"ec2", "UnauthorizedOperation", http.StatusForbidden},
		{"ec2", "AuthFailure", http.StatusForbidden},
		{"ec2", "DryRunOperation", http.StatusPreconditionFailed},
		{"ec2", "RequestLimitExceeded", http.StatusServiceUnavailable},
		{"ec2", "InternalError", http.StatusInternalServerError},
		{"iam", "NoSuchEntity", http.StatusNotFound},
		{"iam", "EntityAlreadyExists", http.StatusConflict},
		{"iam", "DeleteConflict", http.StatusConflict},
		{"iam", "LimitExceeded", http.StatusConflict},
		{"iam", "MalformedPolicyDocument", http.StatusBadRequest},
		{"iam", "AccessDenied", http.StatusForbidden},
		{"iam", "InvalidClientTokenId", http.StatusForbidden},
		{"sts", "ExpiredTokenException", http.StatusBadRequest},
		{"sts", "RegionDisabledException", http.StatusForbidden},
		{"kms", "NotFoundException", http.StatusBadRequest},
		{"kms", "AccessDeniedException", http.StatusBadRequest},
		{"kms", "KMSInternalException", http.StatusInternalServerError},
		{"kms", "DryRunOperationException", http.StatusPreconditionFailed},
		{"cloudtrail", "InvalidNextTokenException", http.StatusBadRequest},
		{"ebs", "ResourceNotFoundException", http.StatusNotFound},
		{"ebs", "AccessDeniedException", http.StatusForbidden},
		{"ebs", "ServiceQuotaExceededException", http.StatusPaymentRequired},
	} {
		model, _ := wire.Lookup(v.service)
		w := httptest.NewRecorder()
		model.EncodeError(w, &smithy.GenericAPIError{Code: v.code, Message: "why"}, "id")
		if w.Code != v.want {
			t.Errorf("%s: %s is answered with %d, want %d", v.service, v.code, w.Code, v.want)
		}
	}
}
