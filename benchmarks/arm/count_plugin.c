/* A plugin for user-mode QEMU: counts the guest instructions that a program executes, exactly.
 *
 * Every translation block carries one counter that QEMU increments inline; at the end each block is
 * expanded to its instructions. Only a window counts, which the program opens and closes with a
 * system call that does not exist (mark.h); it may be opened more than once, the counts add up.
 *
 * Arguments (-plugin count_plugin.so,NAME=VALUE,...):
 *   out=FILE        where to write; required
 *   whole=on        count the whole run instead of the marked window
 *   memory=on       also follow every data access through a model of two cache levels
 *   l1d=BYTES:WAYS  level 1 data cache, 32768:2 unless told (Cortex-A72)
 *   l2=BYTES:WAYS   level 2, 1048576:16 unless told (Raspberry Pi 4)
 * The caches: lines of 64 bytes, least recently used leaves, write-allocate, no prefetch. They are
 * warm from what ran before the window.
 *
 * Written, one line each:
 *   insn COUNT OPCODE OFFSET MODULE     one executed instruction; OFFSET into the file MODULE, hex
 *   memory NAME=VALUE ...               with memory=on
 *   total WINDOWS INSTRUCTIONS          last line: its absence means that the run broke off
 *
 * Limits: guests of 4-byte instructions (AArch64); one thread inside the window (the inline
 * counters are not atomic); a block left early by a signal counts whole.
 */
#include <glib.h>
#include <inttypes.h>
#include <qemu-plugin.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"

#if QEMU_PLUGIN_VERSION > 1
#error "written for QEMU 7.2 (plugin interface 1), Debian 12's"
#endif

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* ---- caches */

#define LINE_SHIFT 6

typedef struct {
  uint64_t line; /* address >> LINE_SHIFT */
  uint64_t used; /* the cache's clock at its last use */
} CacheWay;

typedef struct {
  uint64_t sets, ways, clock;
  CacheWay* way; /* [sets][ways] */
} Cache;

static bool cache_init(Cache* cache, const char* geometry) {
  uint64_t bytes = 0;
  if (sscanf(geometry, "%" SCNu64 ":%" SCNu64, &bytes, &cache->ways) != 2 || cache->ways == 0) {
    return false;
  }
  cache->sets = (bytes >> LINE_SHIFT) / cache->ways;
  if (cache->sets == 0) return false;
  cache->clock = 0;
  cache->way = g_new(CacheWay, cache->sets * cache->ways);
  for (uint64_t i = 0; i < cache->sets * cache->ways; ++i) {
    cache->way[i] = (CacheWay){.line = UINT64_MAX, .used = 0};
  }
  return true;
}

/* Touches a line; false when it was not there (it is now). */
static bool cache_touch(Cache* cache, uint64_t line) {
  CacheWay* set = cache->way + (line % cache->sets) * cache->ways;
  CacheWay* oldest = set;
  ++cache->clock;
  for (CacheWay* way = set; way < set + cache->ways; ++way) {
    if (way->line == line) {
      way->used = cache->clock;
      return true;
    }
    if (way->used < oldest->used) oldest = way;
  }
  *oldest = (CacheWay){.line = line, .used = cache->clock};
  return false;
}

/* ---- state */

typedef struct {
  uint64_t executed;  /* incremented by QEMU */
  uint64_t at_open;   /* executed when the window was opened */
  uint64_t in_window; /* executions inside closed windows */
  uintptr_t host;     /* where the code lies in this process */
  size_t length;      /* instructions */
  uint32_t* opcode;   /* [length] */
} Block;

static GMutex lock;       /* guards blocks, open and windows */
static GPtrArray* blocks; /* of Block* */
static bool open, whole, follow_memory;
static uint64_t windows;
static char* out_path;

static Cache l1d, l2;
static struct { uint64_t loads, stores, load_bytes, store_bytes, l1d_misses, l2_misses; } memory;

/* ---- callbacks */

static void on_access(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address, void* unused) {
  (void)cpu, (void)unused;
  const uint64_t bytes = UINT64_C(1) << qemu_plugin_mem_size_shift(info);
  const bool counts = open;
  if (counts && qemu_plugin_mem_is_store(info)) {
    ++memory.stores;
    memory.store_bytes += bytes;
  } else if (counts) {
    ++memory.loads;
    memory.load_bytes += bytes;
  }
  const uint64_t last = (address + bytes - 1) >> LINE_SHIFT;
  for (uint64_t line = address >> LINE_SHIFT; line <= last; ++line) {
    if (cache_touch(&l1d, line)) continue;
    memory.l1d_misses += counts;
    if (!cache_touch(&l2, line)) memory.l2_misses += counts;
  }
}

static void on_block(qemu_plugin_id_t id, struct qemu_plugin_tb* translated) {
  (void)id;
  Block* block = g_new0(Block, 1);
  block->length = qemu_plugin_tb_n_insns(translated);
  block->opcode = g_new(uint32_t, block->length);
  for (size_t i = 0; i < block->length; ++i) {
    struct qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(translated, i);
    memcpy(&block->opcode[i], qemu_plugin_insn_data(insn), sizeof(uint32_t));
    if (i == 0) block->host = (uintptr_t)qemu_plugin_insn_haddr(insn);
    if (follow_memory) {
      qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
                                       NULL);
    }
  }
  g_mutex_lock(&lock);
  g_ptr_array_add(blocks, block);
  g_mutex_unlock(&lock);
  qemu_plugin_register_vcpu_tb_exec_inline(translated, QEMU_PLUGIN_INLINE_ADD_U64, &block->executed,
                                           1);
}

/* With the lock held. */
static void open_window(void) {
  for (guint i = 0; i < blocks->len; ++i) {
    Block* block = g_ptr_array_index(blocks, i);
    block->at_open = block->executed;
  }
  open = true;
  ++windows;
}

static void close_window(void) {
  if (!open) return;
  for (guint i = 0; i < blocks->len; ++i) {
    Block* block = g_ptr_array_index(blocks, i);
    block->in_window += block->executed - block->at_open;
    block->at_open = block->executed;
  }
  open = false;
}

static void on_syscall(qemu_plugin_id_t id, unsigned cpu, int64_t number, uint64_t action,
                       uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7,
                       uint64_t a8) {
  (void)id, (void)cpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number != MARK_SYSCALL || whole) return;
  g_mutex_lock(&lock);
  if (action == MARK_OPEN && !open) open_window();
  if (action == MARK_CLOSE) close_window();
  g_mutex_unlock(&lock);
}

/* ---- report */

typedef struct {
  uintptr_t begin, end;
  uint64_t offset;
  char name[4096];
} Mapping;

static GArray* read_mappings(void) {
  GArray* mappings = g_array_new(FALSE, TRUE, sizeof(Mapping));
  FILE* file = fopen("/proc/self/maps", "r");
  char line[4600];
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    Mapping m = {.name = "[anonymous]"};
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %" SCNx64 " %*s %*s %4095[^\n]", &m.begin,
               &m.end, &m.offset, m.name) >= 3) {
      g_array_append_val(mappings, m);
    }
  }
  if (file != NULL) fclose(file);
  return mappings;
}

static const Mapping* find_mapping(const GArray* mappings, uintptr_t address) {
  for (guint i = 0; i < mappings->len; ++i) {
    const Mapping* m = &g_array_index(mappings, Mapping, i);
    if (address >= m->begin && address < m->end) return m;
  }
  return NULL;
}

static void on_exit_of_guest(qemu_plugin_id_t id, void* unused) {
  (void)id, (void)unused;
  g_mutex_lock(&lock);
  close_window();
  FILE* out = fopen(out_path, "w");
  if (out == NULL) {
    fprintf(stderr, "count_plugin: cannot write %s\n", out_path);
    exit(1);
  }
  GArray* mappings = read_mappings();
  uint64_t total = 0;
  for (guint i = 0; i < blocks->len; ++i) {
    const Block* block = g_ptr_array_index(blocks, i);
    if (block->in_window == 0) continue;
    total += block->in_window * block->length;
    const Mapping* m = find_mapping(mappings, block->host);
    const uint64_t offset = m == NULL ? 0 : block->host - m->begin + m->offset;
    for (size_t k = 0; k < block->length; ++k) {
      fprintf(out, "insn %" PRIu64 " %08" PRIx32 " %" PRIx64 " %s\n", block->in_window,
              block->opcode[k], offset + 4 * k, m == NULL ? "[unknown]" : m->name);
    }
  }
  if (follow_memory) {
    fprintf(out,
            "memory loads=%" PRIu64 " stores=%" PRIu64 " load_bytes=%" PRIu64
            " store_bytes=%" PRIu64 " l1d_misses=%" PRIu64 " l2_misses=%" PRIu64 "\n",
            memory.loads, memory.stores, memory.load_bytes, memory.store_bytes, memory.l1d_misses,
            memory.l2_misses);
  }
  fprintf(out, "total %" PRIu64 " %" PRIu64 "\n", windows, total);
  fclose(out);
  g_mutex_unlock(&lock);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int argc,
                                           char** argv) {
  (void)info;
  const char* l1d_geometry = "32768:2";
  const char* l2_geometry = "1048576:16";
  for (int i = 0; i < argc; ++i) {
    if (g_str_has_prefix(argv[i], "out=")) {
      out_path = g_strdup(argv[i] + strlen("out="));
    } else if (strcmp(argv[i], "whole=on") == 0) {
      whole = true;
    } else if (strcmp(argv[i], "memory=on") == 0) {
      follow_memory = true;
    } else if (g_str_has_prefix(argv[i], "l1d=")) {
      l1d_geometry = argv[i] + strlen("l1d=");
    } else if (g_str_has_prefix(argv[i], "l2=")) {
      l2_geometry = argv[i] + strlen("l2=");
    } else {
      fprintf(stderr, "count_plugin: unknown argument %s\n", argv[i]);
      return -1;
    }
  }
  if (out_path == NULL || !cache_init(&l1d, l1d_geometry) || !cache_init(&l2, l2_geometry)) {
    fprintf(stderr, "count_plugin: out=FILE is required; caches are BYTES:WAYS\n");
    return -1;
  }
  blocks = g_ptr_array_new();
  if (whole) open_window();
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
  qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
  qemu_plugin_register_atexit_cb(id, on_exit_of_guest, NULL);
  return 0;
}
