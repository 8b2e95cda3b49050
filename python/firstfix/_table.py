"""What is hooked: one row per integration point. A row is data; nothing here imports the library it names.

`module` is patched right after it was imported: its `attribute` (dotted inside a class) becomes what `wrapper`, a
"module:function" of ours, makes of it and of the row. `FIRSTFIX_DISABLE=name` leaves out all rows of that name.
"""
from __future__ import annotations


class Row:
    """One integration point."""

    __slots__ = ("name", "module", "attribute", "wrapper", "note", "broken")

    def __init__(self, name: str, module: str, attribute: str, wrapper: str, note: str = "") -> None:
        """`note` is what the wrapper wants to know: which argument names the model (NAME or NAME:POSITION; default 1).
        """
        self.name, self.module, self.attribute, self.wrapper, self.note = name, module, attribute, wrapper, note
        self.broken = False


LOAD = "firstfix._load:wrap"  # the call returns a model; note: the argument that names it, NAME or NAME:POSITION
LOAD_SELF = "firstfix._load:wrap_init"  # a constructor; the model is self
QUIET = "firstfix._load:wrap_quiet"   # only a failure is shown
QUIET_SELF = "firstfix._load:wrap_init_quiet"
ENDS = "firstfix._ends:"

ROWS = (
    Row(
        "transformers",
        "transformers.modeling_utils",
        "PreTrainedModel.from_pretrained",
        LOAD,
        "pretrained_model_name_or_path",
    ),
    Row(
        "transformers",
        "transformers.models.auto.auto_factory",
        "_BaseAutoModelClass.from_pretrained",
        LOAD,
        "pretrained_model_name_or_path",
    ),
    Row("transformers", "transformers.pipelines", "pipeline", LOAD, "model"),
    Row(
        "transformers",
        "transformers.models.auto.tokenization_auto",
        "AutoTokenizer.from_pretrained",
        QUIET,
        "pretrained_model_name_or_path",
    ),
    Row(
        "diffusers",
        "diffusers.pipelines.pipeline_utils",
        "DiffusionPipeline.from_pretrained",
        LOAD,
        "pretrained_model_name_or_path",
    ),
    Row(
        "diffusers",
        "diffusers.models.modeling_utils",
        "ModelMixin.from_pretrained",
        LOAD,
        "pretrained_model_name_or_path",
    ),
    Row("vllm", "vllm.entrypoints.llm", "LLM.__init__", LOAD_SELF, "model"),
    Row("vllm", "vllm.engine.llm_engine", "LLMEngine.__init__", LOAD_SELF, "model"),
    Row("vllm", "vllm.engine.async_llm_engine", "AsyncLLMEngine.__init__", LOAD_SELF, "model"),
    Row("vllm", "vllm.v1.engine.llm_engine", "LLMEngine.__init__", LOAD_SELF, "vllm_config"),
    Row("vllm", "vllm.v1.engine.async_llm", "AsyncLLM.__init__", LOAD_SELF, "vllm_config"),
    Row("vllm", "vllm.v1.engine.async_llm", "AsyncLLM.generate", "firstfix.integrations.vllm:wrap_generate"),
    Row("vllm", "vllm.v1.engine.core", "EngineCore.__init__", QUIET_SELF, "vllm_config"),
    Row("vllm", "vllm.v1.executor.multiproc_executor", "WorkerProc.__init__", QUIET_SELF, "vllm_config"),
    Row("vllm", "vllm.model_executor.model_loader", "get_model", LOAD, "vllm_config"),  # inside of one of these
    Row("llama_cpp", "llama_cpp.llama", "Llama.__init__", LOAD_SELF, "model_path"),
    Row("llama_cpp", "llama_cpp._logger", "llama_log_callback", "firstfix.integrations.llama_cpp:wrap_log"),
    Row(
        "sentence_transformers",
        "sentence_transformers.SentenceTransformer",
        "SentenceTransformer.__init__",
        LOAD_SELF,
        "model_name_or_path",
    ),
    Row(
        "sentence_transformers",
        "sentence_transformers.cross_encoder.CrossEncoder",
        "CrossEncoder.__init__",
        LOAD_SELF,
        "model_name_or_path",
    ),
    Row(
        "sentence_transformers",
        "sentence_transformers.base.model",
        "BaseModel.__init__",
        LOAD_SELF,
        "model_name_or_path",
    ),
    Row("peft", "peft.peft_model", "PeftModel.from_pretrained", LOAD, "model_id:2"),
    Row("accelerate", "accelerate.big_modeling", "load_checkpoint_and_dispatch", LOAD, "checkpoint"),
    Row("huggingface_hub", "huggingface_hub.file_download", "http_get", "firstfix._load:wrap_download"),
    Row("huggingface_hub", "huggingface_hub.file_download", "xet_get", "firstfix._load:wrap_download"),
    Row("runpod", "runpod.serverless", "start", "firstfix.integrations.runpod:wrap_start"),
    Row("celery", "celery.app.trace", "build_tracer", "firstfix.integrations.celery:wrap_tracer"),
    *[
        Row(
            "dataloader",
            "torch.utils.data._utils.fetch",
            f"{kind}.fetch",
            "firstfix.integrations.dataloader:wrap_fetch",
        )
        for kind in ("_MapDatasetFetcher", "_IterableDatasetFetcher")
    ],
    Row(
        "ray",
        "ray._private.function_manager",
        "FunctionActorManager.get_execution_info",
        "firstfix.integrations.ray:wrap_info",
    ),
    Row(
        "ray",
        "ray._private.serialization",
        "SerializationContext._deserialize_object",
        "firstfix.integrations.ray:wrap_deserialize",
    ),
    Row("ray", "ray.serve._private.replica", "Replica._wrap_request", "firstfix.integrations.rayserve:wrap_request"),
    Row("gradio", "gradio.blocks", "Blocks.process_api", "firstfix.integrations.gradio:wrap_process"),
    Row("gradio", "gradio.queueing", "Queue.process_events", "firstfix.integrations.gradio:wrap_events"),
    Row("threading", "threading", "excepthook", ENDS + "wrap_thread_hook"),
    Row("asyncio", "asyncio.base_events", "BaseEventLoop.call_exception_handler", ENDS + "wrap_loop_handler"),
    Row("multiprocessing", "multiprocessing.process", "BaseProcess.run", ENDS + "wrap_process_run"),
    Row("celery", "billiard.process", "BaseProcess.run", ENDS + "wrap_process_run"),
    *[Row("children", "os", name, "firstfix._deaths:wrap_wait") for name in ("waitpid", "wait", "wait3", "wait4")],
    *[Row("children", "os", name, "firstfix._deaths:wrap_kill") for name in ("kill", "killpg")],
    Row("flask", "flask.app", "Flask.__call__", "firstfix.integrations.wsgi:wrap_call"),
    Row("flask", "flask.app", "Flask.handle_user_exception", "firstfix.integrations.wsgi:wrap_caught"),
    Row("flask", "flask.app", "Flask.handle_exception", "firstfix.integrations.wsgi:wrap_caught"),
    Row("django", "django.core.handlers.wsgi", "WSGIHandler.__call__", "firstfix.integrations.wsgi:wrap_call"),
    Row("django", "django.core.handlers.asgi", "ASGIHandler.__call__", "firstfix.integrations.asgi:wrap_call"),
    Row("django", "django.core.signals", "got_request_exception", "firstfix.integrations.wsgi:wrap_signal"),
    Row("starlette", "starlette.applications", "Starlette.__call__", "firstfix.integrations.asgi:wrap_call"),
    Row(
        "ipython",
        "IPython.core.interactiveshell",
        "InteractiveShell.showtraceback",
        "firstfix.integrations.ipython:wrap_show",
    ),
    Row("warnings", "warnings", "showwarning", ENDS + "wrap_showwarning"),
)
