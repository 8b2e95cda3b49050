// firstfix._ring: the flight recorder for Python. Nothing but the lane of this process; all else is Python or the
// program.
//
//	_ring.start(None)                                             open the lane: path, and why it is not in the folder
//	_ring.event(_ring.PHASE_BEGIN, {"firstfix.phase": "request", "firstfix.phase.id": 7})
//
// Limited API of CPython 3.9, so one file fits every later CPython. Ids of keys are asked once and kept, for ever, in
// one dictionary: that is why only the main interpreter may load this, and no build without the GIL.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "base/clean.h"
#include "base/error.h"
#include "know/secret_forms.h"
#include "ring/record.h"

#include <firstfix/event.h>

#ifdef Py_GIL_DISABLED
#error "firstfix needs a Python with the GIL: free-threaded builds have no limited API and are not supported"
#endif

// In the stable ABI since 3.10; 3.9 has both, with this value and this signature.
#ifndef METH_FASTCALL
#define METH_FASTCALL 0x0080
#endif
extern const char *PyUnicode_AsUTF8AndSize(PyObject *unicode, Py_ssize_t *size);

enum { FIELDS_MAX = 64, NEAR = 256 };

static PyObject *ids;	  // name of a key -> its id
static long long phases;  // the last id that next_id() gave; the GIL guards both
static long long in_work; // requests

// Names are constants of the code, so the same object comes again and again: it is known by its address, and kept, so
// that no other can ever have that address.
static struct {
	PyObject *name;
	uint16_t id;
} near[NEAR];

static bool key_id(PyObject *name, uint16_t *ret);

static inline bool key_id_near(PyObject *name, uint16_t *ret)
{
	uintptr_t address = (uintptr_t)name;
	size_t at = (address >> 4 ^ address >> 12) % NEAR;
	if (__builtin_expect(near[at].name == name, 1)) {
		*ret = near[at].id;
		return true;
	}
	if (!key_id(name, ret))
		return false;
	if (!near[at].name && PyUnicode_CheckExact(name)) {
		Py_INCREF(name);
		near[at].name = name;
		near[at].id = *ret;
	}
	return true;
}

// The id of a key; 0 with an exception on failure. Names beyond what the lane takes become "firstfix.key.overflow".
static bool key_id(PyObject *name, uint16_t *ret)
{
	PyObject *known = PyDict_GetItemWithError(ids, name);
	if (known) {
		*ret = (uint16_t)PyLong_AsLong(known);
		return true;
	}
	const char *text = PyErr_Occurred() ? NULL : PyUnicode_AsUTF8AndSize(name, NULL);
	if (!text)
		return false;
	uint16_t id = ff_key(text);
	PyObject *number = PyLong_FromLong(id);
	bool ok = number && !PyDict_SetItem(ids, name, number);
	Py_XDECREF(number);
	*ret = id;
	return ok;
}

// Text with lone surrogates (bytes that were no UTF-8) is encoded with escapes; what was made stays in *keep.
static bool text_of(PyObject *value, uint16_t key, PyObject **keep, struct ff_field *ret)
{
	Py_ssize_t n = 0;
	const char *text = PyUnicode_AsUTF8AndSize(value, &n);
	if (!text) {
		PyErr_Clear();
		*keep = PyUnicode_AsEncodedString(value, "utf-8", "backslashreplace");
		char *bytes = NULL;
		if (!*keep || PyBytes_AsStringAndSize(*keep, &bytes, &n))
			return false;
		text = bytes;
	}
	*ret = ff_strn(key, text, (size_t)n);
	return true;
}

static bool int_of(PyObject *value, uint16_t key, struct ff_field *ret)
{
	int overflow = 0;
	long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
	*ret = overflow ? ff_real(key, PyLong_AsDouble(value)) : ff_int(key, number);
	return !((number == -1 || overflow) && PyErr_Occurred());
}

static bool field_of(PyObject *name, PyObject *value, PyObject **keep, struct ff_field *ret)
{
	uint16_t key = 0;
	if (!key_id_near(name, &key))
		return false;
	if (Py_TYPE(value) == &PyUnicode_Type || PyUnicode_Check(value))
		return text_of(value, key, keep, ret);
	if (Py_TYPE(value) == &PyLong_Type)
		return int_of(value, key, ret);
	if (PyBool_Check(value)) {
		*ret = ff_bool(key, value == Py_True);
		return true;
	}
	if (PyFloat_Check(value)) {
		*ret = ff_real(key, PyFloat_AsDouble(value));
		return true;
	}
	if (!PyLong_Check(value)) {
		PyErr_SetString(PyExc_TypeError, "a field of an event is a str, an int, a float or a bool");
		return false;
	}
	return int_of(value, key, ret);
}

// event(kind, fields)
static PyObject *event(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	(void)self;
	if (n != 2 || !PyLong_Check(args[0]) || !PyDict_Check(args[1])) {
		PyErr_SetString(PyExc_TypeError, "event(kind: int, fields: dict[str, str | int | float | bool])");
		return NULL;
	}
	struct ff_field fields[FIELDS_MAX];
	PyObject *keep[FIELDS_MAX], *name, *value;
	size_t filled = 0, kept = 0;
	Py_ssize_t at = 0;
	bool ok = true;
	while (ok && filled < FIELDS_MAX && PyDict_Next(args[1], &at, &name, &value)) {
		if (value == Py_None)
			continue;
		keep[kept] = NULL;
		ok = field_of(name, value, &keep[kept], &fields[filled]);
		kept += keep[kept] != NULL;
		filled++;
	}
	long kind = PyLong_AsLong(args[0]);
	if (ok && kind > FF_EV_NONE && kind < FF_EV_END_)
		ff_event_write((enum ff_event_kind)kind, fields, filled);
	while (kept)
		Py_DECREF(keep[--kept]);
	if (!ok || (kind == -1 && PyErr_Occurred()))
		return NULL;
	Py_RETURN_NONE;
}

// start(folder or None): begin to record
static PyObject *start(PyObject *self, PyObject *args)
{
	(void)self;
	const char *dir = NULL;
	if (!PyArg_ParseTuple(args, "z:start", &dir))
		return NULL;
	struct ff_error *err = ff_record_start(&(struct ff_record_options){.dir = dir});
	if (err) {
		PyErr_SetString(PyExc_OSError, err->message);
		ff_error_destroy(err);
		return NULL;
	}
	Py_RETURN_NONE;
}

static PyObject *stop(PyObject *self, PyObject *args)
{
	(void)self, (void)args;
	ff_record_stop();
	Py_RETURN_NONE;
}

// where(): path of the lane and why it is not in the state folder, each None where there is none
static PyObject *where(PyObject *self, PyObject *args)
{
	(void)self, (void)args;
	const char *why = NULL, *path = ff_record_where(&why);
	return Py_BuildValue("zz", path, why);
}

// left(): whether the start found lanes of processes that ended without a word
static PyObject *left(PyObject *self, PyObject *args)
{
	(void)self, (void)args;
	return PyBool_FromLong(ff_record_left());
}

static PyObject *dropped(PyObject *self, PyObject *args)
{
	(void)self, (void)args;
	return PyLong_FromUnsignedLongLong(ff_record_dropped());
}

// next_id(): a number for a phase, never the same twice in a process
static PyObject *next_id(PyObject *self, PyObject *args)
{
	(void)self, (void)args;
	return PyLong_FromLongLong(++phases);
}

// working(change): requests in work after the change
static PyObject *working(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	(void)self;
	long change = n == 1 ? PyLong_AsLong(args[0]) : 0;
	if (change == -1 && PyErr_Occurred())
		return NULL;
	in_work += change;
	return PyLong_FromLongLong(in_work);
}

// Through void *: the type of a METH_FASTCALL function is not that of ml_meth.
static PyObject *secret_form(PyObject *module, PyObject *number)
{
	size_t i = PyLong_AsSize_t(number);
	(void)module;
	if (PyErr_Occurred())
		return NULL;
	if (i >= ff_secret_forms())
		return PyErr_Format(PyExc_IndexError, "no form %zu", i);
	const struct ff_secret_form *form = ff_secret_form(i);
	return Py_BuildValue(
		"(y#y#)", form->kind.p, (Py_ssize_t)form->kind.n, form->pattern.p, (Py_ssize_t)form->pattern.n);
}

static PyObject *suspects(PyObject *module, PyObject *text)
{
	char *p;
	Py_ssize_t n;
	(void)module;
	if (PyBytes_AsStringAndSize(text, &p, &n))
		return NULL;
	struct ff_secret_set found = ff_secret_suspects((struct ff_span){p, (size_t)n});
	PyObject *list = PyList_New(0);
	for (size_t i = 0; list && i < ff_secret_forms() && !ff_secret_set_is_empty(&found); i++) {
		PyObject *number = ff_secret_set_has(&found, i) ? PyLong_FromSize_t(i) : NULL;
		if (number && PyList_Append(list, number))
			Py_CLEAR(list);
		Py_XDECREF(number);
	}
	return list;
}

static PyObject *is_secret(PyObject *module, PyObject *args)
{
	const char *name, *value;
	Py_ssize_t form, name_n, value_n;
	int quoted;
	(void)module;
	if (!PyArg_ParseTuple(args, "ny#y#p", &form, &name, &name_n, &value, &value_n, &quoted))
		return NULL;
	bool known = form >= 0 && (size_t)form < ff_secret_forms();
	return PyBool_FromLong(ff_secret_passes(known ? ff_secret_form((size_t)form)->check : FF_SECRET_NAMED,
		(struct ff_span){name, (size_t)name_n}, (struct ff_span){value, (size_t)value_n}, quoted));
}

static PyObject *clean(PyObject *module, PyObject *args)
{
	const char *text;
	Py_ssize_t n;
	_cleanup_buf_ struct ff_buf out = {0};
	(void)module;
	if (!PyArg_ParseTuple(args, "y#", &text, &n))
		return NULL;
	ff_clean(&out, (struct ff_span){text, (size_t)n}, true);
	return out.failed ? PyErr_NoMemory() : PyBytes_FromStringAndSize(out.p ? out.p : "", (Py_ssize_t)out.n);
}

static PyMethodDef functions[] = {
	{"event", (PyCFunction)(void *)event, METH_FASTCALL, "event(kind, fields): record one event"},
	{"start", start, METH_VARARGS, "start(folder): open the lane of this process; None is the state folder"},
	{"stop", stop, METH_NOARGS, "stop(): record nothing from here on"},
	{"where", where, METH_NOARGS, "where(): path of the lane and why it is not in the state folder"},
	{"left", left, METH_NOARGS, "left(): whether processes ended here without a word, and nobody has told"},
	{"dropped", dropped, METH_NOARGS, "dropped(): events that could not be recorded"},
	{"next_id", next_id, METH_NOARGS, "next_id(): a number for a phase"},
	{"working", (PyCFunction)(void *)working, METH_FASTCALL, "working(change): requests in work after the change"},
	{"secret_form", secret_form, METH_O, "secret_form(i): kind and pattern of a row of rules/data/secrets.tsv"},
	{"suspects", suspects, METH_O, "suspects(text): the forms that may stand in it"},
	{"is_secret", is_secret, METH_VARARGS,
		"is_secret(i, name, value, quoted): what form i matched is one; -1: by its name"},
	{"clean", clean, METH_VARARGS, "clean(line): UTF-8 without anything that acts on a terminal"},
	{NULL, NULL, 0, NULL},
};

static int exec_module(PyObject *module)
{
	PyInterpreterState *here = PyInterpreterState_Get();
	if (PyInterpreterState_GetID(here) != 0) {
		PyErr_SetString(
			PyExc_ImportError, "firstfix records in the main interpreter only, not in a sub-interpreter");
		return -1;
	}
	if (!ids && !(ids = PyDict_New()))
		return -1;
#define FF_KIND(id, name, help)                               \
	if (PyModule_AddIntConstant(module, #id, FF_EV_##id)) \
		return -1;
#include <firstfix/event.def>
	return PyModule_AddStringConstant(module, "VERSION", FF_VERSION);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)exec_module}, {0, NULL}};
static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "firstfix._ring",
	.m_doc = "The lane of this process (doc/RING-FORMAT.md).",
	.m_methods = functions,
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit__ring(void);
PyMODINIT_FUNC PyInit__ring(void)
{
	return PyModuleDef_Init(&definition);
}
