/* secateur: runs pruned neural networks on CPUs. C99; secateur.hpp is a thin C++17 layer over it.
 *
 *   sct_model* model = NULL;
 *   sct_session* session = NULL;
 *   if (sct_model_open("model.sct", NULL, &model) != SCT_OK ||
 *       sct_session_create(model, NULL, &session) != SCT_OK) {
 *     fprintf(stderr, "%s\n", sct_last_error());
 *     return 1;
 *   }
 *   const float* inputs[] = {image};
 *   float* outputs[] = {scores};
 *   const size_t input_floats[] = {3 * 224 * 224}, output_floats[] = {1000};
 *   sct_session_run(session, inputs, input_floats, outputs, output_floats);
 *   sct_session_destroy(session);
 *   sct_model_close(model);
 *
 * Every function that can fail returns a status; on failure its out-parameters are untouched and
 * sct_last_error() has a sentence for the user. Nothing here prints, exits, or throws. Strings are
 * UTF-8 and zero-terminated. NULL where a handle or an array is needed gives SCT_INVALID_ARGUMENT.
 */
#ifndef SECATEUR_SECATEUR_H_
#define SECATEUR_SECATEUR_H_

#include <stddef.h>
#include <stdint.h>

/* The version of this header, and the only place where it is written: the build, the wheel and
 * sct_version() read it here. */
#define SCT_VERSION_MAJOR 0
#define SCT_VERSION_MINOR 1
#define SCT_VERSION_PATCH 0

#if defined(__GNUC__)
#define SCT_API __attribute__((visibility("default")))
#else
#define SCT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Groups are never renumbered; new codes are added at a group's end. */
typedef enum sct_status {
  SCT_OK = 0,
  /* 1..19: what the caller passed */
  SCT_INVALID_ARGUMENT = 1,
  SCT_SHAPE_MISMATCH = 2,
  SCT_DTYPE_MISMATCH = 3,
  SCT_SESSION_BUSY = 4, /* another thread is inside a call of this session */
  SCT_CANCELLED = 5,    /* by sct_session_cancel */
  SCT_TIMED_OUT = 6,    /* after what sct_session_set_timeout says */
  /* 20..39: the model file */
  SCT_FILE_NOT_FOUND = 20,
  SCT_FILE_UNREADABLE = 21, /* a directory, no permission, an error of the disk */
  SCT_FILE_CORRUPT = 22,    /* truncated, or its checksum does not match */
  SCT_FILE_FOREIGN = 23,    /* not a secateur model */
  SCT_FILE_TOO_NEW = 24,    /* made for a later format version */
  SCT_MODEL_INVALID = 25,   /* its contents contradict themselves */
  SCT_LIMIT_EXCEEDED = 26,  /* it asks for more than sct_options allows */
  /* 40..59: this machine */
  SCT_OUT_OF_MEMORY = 40,
  SCT_ISA_UNAVAILABLE = 41,
  SCT_THREADS_UNAVAILABLE = 42,
  /* 60..79: a defect of the library */
  SCT_INTERNAL = 60
} sct_status;

/* The library's version, "0.1.0"; the header's is SCT_VERSION_MAJOR and so on. Lives as long as the
 * process. */
SCT_API const char* sct_version(void);
/* "file_corrupt" and so on; "unknown" for other numbers. Lives as long as the process. */
SCT_API const char* sct_status_name(sct_status status);
/* The sentence of this thread's last failed call; "" when none has failed. Valid until this
 * thread's next failed call. */
SCT_API const char* sct_last_error(void);
/* CPUs this process may use, its control group's quota included: the most threads that a session
 * gets. */
SCT_API int32_t sct_available_cpus(void);

/* What a log is told: a sentence, which lives during the call. */
typedef enum sct_log_level { SCT_LOG_INFO = 0, SCT_LOG_WARNING = 1 } sct_log_level;
typedef void (*sct_log_fn)(void* user, sct_log_level level, const char* message);

/* An app's own memory: `bytes` on a boundary of `alignment` (64), NULL where it has none; and back
 * with the same `bytes`. Multiples of 64, and few of them: each large array of weights, a session's
 * three kinds of memory. Called on the thread that opens, creates, closes or destroys, which may be
 * any: what is the model's is given back with the last of it and its sessions. Neither may throw.
 */
typedef void* (*sct_allocate_fn)(void* user, size_t alignment, size_t bytes);
typedef void (*sct_deallocate_fn)(void* user, void* memory, size_t bytes);

/* An app's own threads: calls task(context, i) once for each i in [0, tasks), in any order and on
 * any threads, the calling one included, and returns when all are done. Called some times in each
 * layer, from the thread that runs the session; what it computes does not depend on who does which
 * task. May not throw. */
typedef void (*sct_task_fn)(void* context, int32_t index);
typedef void (*sct_parallel_fn)(void* user, int32_t tasks, sct_task_fn task, void* context);

/* Fill with sct_options_init, then change what you want: fields added later keep their defaults.
 * Where a function takes options, NULL means the defaults. Strings need to live during the call
 * only. */
typedef struct sct_options {
  uint32_t struct_size; /* set by sct_options_init; else SCT_INVALID_ARGUMENT */
  int32_t threads;      /* 1. Counts the calling thread; 0: one on each CPU this process may use, of
                           unlike ones (big.LITTLE) on each of the fast ones, and
                           more than these are as many. Give the model the number its sessions use */
  const char* isa;      /* NULL: environment variable SECATEUR_ISA, else the best this CPU runs.
                           "scalar"; "neon", "neonfp16", "neondot", "neoni8mm"; "avx2", "avxvnni",
                           "avx512", "avx512vnni". Read by sct_model_open*, not by sessions */
  /* What a model may take before it is refused with SCT_LIMIT_EXCEEDED: files from anywhere may be
   * opened with the defaults, which 0 stands for. SCT_NO_LIMIT for files that you trust. Read by
   * sct_model_open*; the model's sessions keep to them. */
  uint64_t max_memory;    /* bytes of the model and a session; 1 GiB + 16 times the file's bytes */
  uint64_t max_work;      /* multiply-adds, or floats moved, of one inference; 10^13 */
  uint64_t max_tensors;   /* 100,000 */
  uint64_t max_operators; /* 100,000 */
  /* The machine profile by which layers are planned (docs/tuning.md): its path, or "none" for the
   * table that the library brings. NULL: environment variable SECATEUR_PROFILE, else this user's
   * profile of this machine in $XDG_CACHE_HOME/secateur or ~/.cache/secateur, if it is there. One
   * that cannot be used is no error: sct_model_info.warning says why. Read by sct_model_open* */
  const char* profile;
  /* Told, on the calling thread, what was decided and what is amiss when a model is opened:
   * kernels, machine profile, sct_model_info.warning. NULL: nobody. Read by sct_model_open* */
  sct_log_fn log;
  void* log_user;
  /* Both or neither; NULL: the system's memory, in large pages where it has them. To
   * sct_model_open* for packed weights and constants, to sct_session_create for activations,
   * scratch and states. NULL from it is SCT_OUT_OF_MEMORY. The rest still comes from the system: a
   * file's bytes while it is opened, work memory of packing, what is of some kilobytes. */
  sct_allocate_fn allocate;
  sct_deallocate_fn deallocate;
  void* allocator_user;
  /* The CPUs that the session's own threads run on, as "4-7" or "0,2-3"; NULL: any. Then `threads`
   * is no more than these, and 0 is one on each. The thread that calls sct_session_run works too
   * and is not moved: bind it yourself. SCT_INVALID_ARGUMENT, and the CPU's number, where this
   * process may not use one, and where the system has no such thing (all but Linux and Android). */
  const char* cpus;
  /* Threads to use in place of the session's own, of which none is started then
   * (sct_session_run_async still has its one). `threads` says in how many tasks work is shared.
   * Read by sct_session_create; not together with `cpus`. */
  sct_parallel_fn parallel;
  void* parallel_user;
} sct_options;
#define SCT_NO_LIMIT UINT64_MAX
SCT_API void sct_options_init(sct_options* options);

/* ---- Model: verified, weights packed, kernels chosen. Immutable: any number of threads and
 * sessions may use one at the same time. ---- */
typedef struct sct_model sct_model;

/* Opens a model file. The file is not needed after the call. Written over or cut short during it,
 * it is opened as one of its contents or refused. The caller owns *model and gives it back with
 * sct_model_close. */
SCT_API sct_status sct_model_open(const char* path, const sct_options* options, sct_model** model);
/* The same from memory, which the caller may free after the call and must not change during it.
 * Bytes aligned to 16, as malloc's are, are not copied. */
SCT_API sct_status sct_model_open_memory(const void* data, size_t bytes, const sct_options* options,
                                         sct_model** model);
/* The same of a part of a file that is open: `bytes` from `offset` on, 0 for all that follow it. An
 * Android asset's region, for one. The descriptor stays the caller's, its position is not moved. A
 * pipe, a socket or a directory is SCT_FILE_UNREADABLE. */
SCT_API sct_status sct_model_open_fd(int fd, uint64_t offset, uint64_t bytes,
                                     const sct_options* options, sct_model** model);
/* The same from a function: it puts up to `bytes` bytes of the model from `offset` on into `into`
 * and returns how many, at least 1; 0 or less ends the opening with SCT_FILE_UNREADABLE. Called on
 * the calling thread, and not after sct_model_open_reader has returned. `bytes`: of the model. */
typedef int64_t (*sct_read_fn)(void* user, uint64_t offset, void* into, size_t bytes);
SCT_API sct_status sct_model_open_reader(sct_read_fn read, void* user, uint64_t bytes,
                                         const sct_options* options, sct_model** model);
/* NULL is fine. Sessions made from the model stay valid: they share its weights. */
SCT_API void sct_model_close(sct_model* model);

/* Structs that a function here fills begin with struct_size: set it to sizeof the struct before the
 * call (0 is SCT_INVALID_ARGUMENT). An older program's smaller struct is filled as far as it
 * reaches. Strings and pointers in them belong to the model and live until it is closed. */
#define SCT_MAX_RANK 8

typedef enum sct_dtype {
  SCT_FLOAT32 = 0,
  SCT_FLOAT16 = 1,
  SCT_INT8 = 2,
  SCT_INT32 = 3,
  SCT_INT64 = 4,
  SCT_BOOL = 5, /* a byte, 0 or 1 */
  SCT_UINT8 = 6
} sct_dtype;

typedef struct sct_port_info { /* an input or output */
  uint32_t struct_size;
  sct_dtype dtype;
  const char* name;
  uint32_t rank;
  uint32_t shape[SCT_MAX_RANK]; /* row-major, contiguous */
  float scale;                  /* of SCT_INT8, SCT_UINT8: value = scale * (stored - zero_point) */
  int32_t zero_point;
  size_t elements; /* the product of shape */
  size_t bytes;
} sct_port_info;

typedef struct sct_layer_info { /* an operator, in execution order */
  uint32_t struct_size;
  const char* name;       /* qualified name in the source network, or the operator's */
  const char* op;         /* "Conv" */
  const char* kernel;     /* "spmm/avx512 1x64" */
  const char* format;     /* "dense", "csr", "bsr", "nm"; "" without a weight matrix */
  const char* block;      /* "4x1" of bsr, "2:4" of nm, else "" */
  const char* reason;     /* why this format, in a sentence */
  const char* source;     /* where it stands in the source network */
  int64_t input_shape[4]; /* batch, channels, height, width of the first input; of a row-major one
                             its last dimensions */
  int64_t output_shape[4];
  int64_t rows, cols, nnz; /* of the weight matrix; 0 without one */
  int64_t macs;            /* multiply-adds executed */
  uint64_t stored_bytes;   /* constants in the file */
  uint64_t packed_bytes;   /* constants in memory */
  double sparsity;         /* 1 - nnz / (rows * cols) */
  /* Where the machine profile has measured this layer and so decided its plan: the time of one
   * execution there, and that of the plan which the constants choose. Else 0. */
  uint64_t measured_ns, planned_ns;
} sct_layer_info;

typedef struct sct_model_info {
  uint32_t struct_size;
  const char* name;
  const char* producer;
  const char* isa;
  uint64_t arena_bytes; /* activations of one session */
  uint64_t packed_bytes;
  uint64_t file_bytes;
  const char* machine; /* the family of cores that it is planned for, "x86-avx512" */
  const char* profile; /* the path of the machine profile that is used, or "" */
  const char* warning; /* why a machine profile that is there is not used, a sentence, or "" */
} sct_model_info;

typedef struct sct_metadata { /* what was said of the model when it was compiled, under a key */
  uint32_t struct_size;
  int32_t is_list; /* 1: a list, also where it has one; 0: one text, or one number */
  const char* key;
  /* One of the two has something, or neither, of an empty list. */
  size_t text_count;
  const char* const* texts;
  size_t number_count;
  const double* numbers;
} sct_metadata;

/* 0 for NULL. */
SCT_API size_t sct_model_input_count(const sct_model* model);
SCT_API size_t sct_model_output_count(const sct_model* model);
SCT_API size_t sct_model_layer_count(const sct_model* model);
SCT_API size_t sct_model_metadata_count(const sct_model* model);
/* SCT_INVALID_ARGUMENT when `index` is not below the count. */
SCT_API sct_status sct_model_input(const sct_model* model, size_t index, sct_port_info* info);
SCT_API sct_status sct_model_output(const sct_model* model, size_t index, sct_port_info* info);
/* The index of the port of that name; SCT_INVALID_ARGUMENT, and the names that there are, where it
 * has none. */
SCT_API sct_status sct_model_find_input(const sct_model* model, const char* name, size_t* index);
SCT_API sct_status sct_model_find_output(const sct_model* model, const char* name, size_t* index);
/* By convention "labels" are the classes' names in the order of the output, and "mean" and "std" of
 * each channel how an input is made: (value - mean) / std (docs/deploy.md). They come from a file:
 * check what you get, and do not show it to a terminal as it is. */
SCT_API sct_status sct_model_metadata(const sct_model* model, size_t index, sct_metadata* entry);
/* The index of that key; SCT_INVALID_ARGUMENT, and the keys that there are, where it has none. */
SCT_API sct_status sct_model_find_metadata(const sct_model* model, const char* key, size_t* index);
SCT_API sct_status sct_model_layer(const sct_model* model, size_t index, sct_layer_info* info);
SCT_API sct_status sct_model_get_info(const sct_model* model, sct_model_info* info);

/* ---- Session: activations, scratch memory and threads for one inference at a time. Two threads
 * may use two sessions at the same time, never one: the second call of a session that is at work
 * returns SCT_SESSION_BUSY and touches nothing. ---- */
typedef struct sct_session sct_session;

/* All memory is allocated here. The caller owns *session and gives it back with
 * sct_session_destroy; the model may be closed before. */
SCT_API sct_status sct_session_create(const sct_model* model, const sct_options* options,
                                      sct_session** session);
/* NULL is fine. A run of sct_session_run_async that is at work is cancelled, and waited for with
 * its `done`; so not from inside that. */
SCT_API void sct_session_destroy(sct_session* session);
/* Threads that it runs on; 0 for NULL. */
SCT_API int32_t sct_session_threads(const sct_session* session);

/* An array of the caller's: row-major, contiguous, aligned as its elements are. */
typedef struct sct_tensor {
  void* data;
  size_t bytes;
  int32_t dtype; /* an sct_dtype */
} sct_tensor;

/* One inference: an array per input and output, in the model's order. SCT_SHAPE_MISMATCH unless the
 * counts are the model's and each array has exactly its port's bytes, SCT_DTYPE_MISMATCH unless it
 * has its dtype. Inputs are not written; an output may be an input's array. Allocates nothing. */
SCT_API sct_status sct_session_run_tensors(sct_session* session, const sct_tensor* inputs,
                                           size_t input_count, const sct_tensor* outputs,
                                           size_t output_count);

/* The same where every port is SCT_FLOAT32. One pointer per port; the *_floats arrays say how many
 * floats stand there. */
SCT_API sct_status sct_session_run(sct_session* session, const float* const* inputs,
                                   const size_t* input_floats, float* const* outputs,
                                   const size_t* output_floats);

/* Arrays that stay where they are from run to run: bound once, and used by each
 * sct_session_run_bound until others are, or none (NULL). The array is the caller's and has to live
 * so long. It is as sct_session_run_tensors wants it, and no output may have a byte of another
 * array that is bound. *in_place (NULL: not asked for) is 1 where the operators read or write the
 * array itself, 0 where it is copied. It is 1 where the tensor is laid out in memory as the array:
 * row-major ports, vectors [1, C] with C a multiple of 16 floats, images whose plane is an odd
 * number of 64-byte lines (28x28 floats, not 224x224: docs/deploy.md); all on a boundary of 64
 * bytes and a multiple of 64 long. Allocates. */
SCT_API sct_status sct_session_bind_input(sct_session* session, size_t index,
                                          const sct_tensor* tensor, int32_t* in_place);
SCT_API sct_status sct_session_bind_output(sct_session* session, size_t index,
                                           const sct_tensor* tensor, int32_t* in_place);
/* One inference on what is bound; SCT_INVALID_ARGUMENT where a port has nothing. Cancelled or late,
 * it may have written outputs in place; others are as before. Allocates nothing. */
SCT_API sct_status sct_session_run_bound(sct_session* session);

/* sct_session_run_tensors on a thread of the session's own: returns at once, and `done` is called
 * there with the run's status, and its sentence or "", once the session is free for the next call
 * (which `done` may make). Until then the arrays belong to the run; the sct_tensors themselves are
 * not needed after the call. The first such run starts the thread: SCT_THREADS_UNAVAILABLE where
 * the system gives none. */
typedef void (*sct_done_fn)(void* user, sct_status status, const char* error);
SCT_API sct_status sct_session_run_async(sct_session* session, const sct_tensor* inputs,
                                         size_t input_count, const sct_tensor* outputs,
                                         size_t output_count, sct_done_fn done, void* user);

/* Ends the run at hand, if there is one, before its next operator: it returns SCT_CANCELLED, its
 * outputs and the model's state are as before. From any thread, as often as wanted; the session
 * must live. Runs that begin later are not concerned; one that sct_session_run_async has accepted
 * has begun. */
SCT_API void sct_session_cancel(sct_session* session);
/* From the next run on: one that is not done after so long returns SCT_TIMED_OUT, and like a
 * cancelled one changes nothing. Looked at between operators, the last of which may take longer. 0:
 * no end, as at first. */
SCT_API sct_status sct_session_set_timeout(sct_session* session, uint64_t nanoseconds);

/* What the model keeps from one run to the next (the state of a recurrent layer) is as before the
 * first run again. Does nothing where it keeps nothing. */
SCT_API sct_status sct_session_reset(sct_session* session);

typedef struct sct_layer_time { /* never grows */
  uint64_t median_ns;
  uint64_t min_ns;
} sct_layer_time;
/* Times each operator over `runs` inferences on noise, after one to warm up. `times` has `count`
 * entries: sct_model_layer_count of the session's model. */
SCT_API sct_status sct_session_profile(sct_session* session, int32_t runs, sct_layer_time* times,
                                       size_t count);

typedef struct sct_memory { /* bytes */
  uint32_t struct_size;
  uint64_t arena;
  uint64_t scratch;
  uint64_t packed; /* the model's weights, shared by its sessions */
  uint64_t state;  /* what lives from one run to the next */
} sct_memory;
/* What a session with these options will take, before it is made. */
SCT_API sct_status sct_model_session_memory(const sct_model* model, const sct_options* options,
                                            sct_memory* memory);
SCT_API sct_status sct_session_memory(const sct_session* session, sct_memory* memory);

#ifdef __cplusplus
}
#endif

#endif /* SECATEUR_SECATEUR_H_ */
