// Takes the place of gitleaks' own validate.go: its rules then print what they call a secret, as a line of JSON each,
// ["rule", "line", "secret in it"], instead of testing themselves. Built by test_gitleaks.py inside a copy of the module.
package utils

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/zricethezav/gitleaks/v8/cmd/generate/config/base"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
)

func Validate(rule config.Rule, truePositives []string, falsePositives []string) *config.Rule {
	settings := base.CreateGlobalConfig()
	settings.Keywords = make(map[string]struct{})
	for i, keyword := range rule.Keywords {
		rule.Keywords[i] = strings.ToLower(keyword)
		settings.Keywords[rule.Keywords[i]] = struct{}{}
	}
	settings.Rules = map[string]config.Rule{rule.RuleID: rule}
	finder := detect.NewDetector(settings)
	for _, line := range truePositives {
		for _, found := range finder.DetectString(line) {
			text, _ := json.Marshal([]string{rule.RuleID, line, found.Secret})
			os.Stdout.Write(append(text, '\n'))
		}
	}
	return &rule
}

func ValidateWithPaths(rule config.Rule, truePositives map[string]string, falsePositives map[string]string) *config.Rule {
	return &rule
}
