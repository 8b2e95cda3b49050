// Reads what the kernel driver writes when a GPU fails.
//
//	4,1203,86400123456,-;NVRM: Xid (PCI:0000:05:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
//	NVRM: Xid (PCI:0000:3b:00): 31, pid=4242, name=python3, Ch 00000008, intr 00000000. MMU Fault: ENGINE GRAPHICS ...
//	NVRM: Xid (0000:03:00): 13, Graphics Exception on GPC 0
//	NVRM: The NVIDIA GPU 0000:04:00.0 (PCI ID: 10de:2684) has fallen off the bus and is not responding to commands.
//
// How the source lies: pid is quoted, plain, or a word; the name may hold anything but a comma.
#include "parse/xid.h"

#include "parse/chars.h"

enum { FALLEN_OFF = 79, XID_MAX = 9999 };

static bool find(struct ff_span s, const char *text, size_t *ret)
{
	const char *at = s.p && s.n ? memmem(s.p, s.n, text, strlen(text)) : NULL;
	if (!at)
		return false;
	*ret = (size_t)(at - s.p);
	return true;
}

// "pid=4242, name=python3, text" -> the value, and *rest moves behind its comma; nothing happens when `key` is not
// next.
static struct ff_span take_pair(struct ff_span *rest, const char *key)
{
	struct ff_span s = ff_span_trim(*rest), value;
	if (!ff_span_starts(s, key))
		return (struct ff_span){NULL, 0};
	s = ff_span_skip(s, strlen(key));
	if (!ff_span_next(&s, ',', &value))
		return (struct ff_span){NULL, 0};
	*rest = s;
	value = ff_span_trim(value);
	if (value.n >= 2 && value.p[0] == '\'' && value.p[value.n - 1] == '\'')
		value = (struct ff_span){value.p + 1, value.n - 2};
	return ff_span_starts(value, "<unknown>") ? (struct ff_span){NULL, 0} : value;
}

// "5,1234,56789012,-;" in front of the message: priority, sequence, microseconds since boot.
static void take_time(struct ff_span line, struct ff_xid *xid)
{
	struct ff_span part;
	size_t end;
	if (!find(line, ";", &end))
		return;
	line = ff_span_first(line, end);
	for (int i = 0; i < 3 && ff_span_next(&line, ',', &part); i++)
		xid->has_time = i == 2 && ff_span_u64(part, &xid->time_us);
}

static struct ff_span bus_id_in(struct ff_span s)
{
	struct ff_span word;
	while (ff_span_next(&s, ' ', &word)) {
		size_t colon;
		if (find(word, ":", &colon) && colon > 0 && word.n >= 7 && ff_is_digit(word.p[word.n - 1]))
			return word;
	}
	return (struct ff_span){NULL, 0};
}

static bool parse_unnumbered(struct ff_span message, struct ff_xid *xid)
{
	size_t at;
	if (!find(message, "fallen off the bus", &at))
		return false;
	xid->number = FALLEN_OFF;
	xid->bus_id = bus_id_in(ff_span_first(message, at));
	xid->text = ff_span_trim(message);
	return true;
}

static bool parse_numbered(struct ff_span after, struct ff_xid *xid)
{
	struct ff_span bus_id, digits;
	size_t close, colon;
	uint64_t number;
	if (!find(after, ")", &close))
		return false;
	bus_id = ff_span_first(after, close);
	after = ff_span_skip(after, close + 1);
	if (!find(after, ":", &colon))
		return false;
	after = ff_span_trim(ff_span_skip(after, colon + 1));
	size_t n = 0;
	while (n < after.n && ff_is_digit(after.p[n]))
		n++;
	digits = ff_span_first(after, n);
	if (!ff_span_u64(digits, &number) || number > XID_MAX)
		return false;
	after = ff_span_skip(after, n);
	if (ff_span_starts(after, ","))
		after = ff_span_skip(after, 1);
	xid->number = (unsigned)number;
	xid->bus_id = bus_id;
	ff_span_u64(take_pair(&after, "pid="), &xid->pid);
	xid->process = take_pair(&after, "name=");
	xid->text = ff_span_trim(after);
	return true;
}

bool ff_xid_parse(struct ff_span line, struct ff_xid *ret)
{
	struct ff_xid xid = {0};
	size_t nvrm, mark;
	if (!find(line, "NVRM: ", &nvrm))
		return false;
	take_time(ff_span_first(line, nvrm), &xid);
	struct ff_span message = ff_span_skip(line, nvrm + 6);
	bool is_xid = find(message, "Xid (", &mark) ? parse_numbered(ff_span_skip(message, mark + 5), &xid)
						    : parse_unnumbered(message, &xid);
	if (is_xid)
		*ret = xid;
	return is_xid;
}
