rule {id = 'site.quota', title = 't', signatures = {q = [[quota of (?<user>\w+) exceeded]]}, why = 'x', facts = {'env.A'}, fixes = {{kind = 'disk', say = 'Or more.'}}, doc = {looks = 'x'}}
