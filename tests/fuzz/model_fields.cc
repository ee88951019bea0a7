#include "model_fields.h"

#include <functional>
#include <type_traits>
#include <utility>

namespace secateur::testing {
namespace {

using Change = std::function<void()>;
using Changes = std::vector<Change>;

uint32_t some(Parts* p) { return p->one_in(4) ? p->number() : p->below(6u); }

template <typename T>
void set(Parts* p, T* field) {
  if constexpr (std::is_same_v<T, format::BufferRef>) {
    *field = p->one_in(4) ? some(p) : p->below(p->model.buffers.size());
  } else if constexpr (std::is_same_v<T, bool>) {
    *field = !*field;
  } else if constexpr (std::is_same_v<T, float>) {
    *field = p->value();
  } else if constexpr (std::is_enum_v<T>) {
    *field =
        static_cast<T>(p->one_in(20) ? p->number() : p->below(static_cast<uint32_t>(T::MAX) + 1));
  } else if constexpr (std::is_integral_v<T>) {
    *field = static_cast<T>(p->one_in(4) && sizeof(T) == 1 ? 8u << p->below(3u) : some(p));
  } else if constexpr (std::is_same_v<T, std::vector<uint32_t>>) {
    if (p->one_in(4)) field->push_back(some(p));
    if (p->one_in(4) && !field->empty()) field->pop_back();
    if (!field->empty()) p->any(*field) = some(p);
  }
}

template <typename T>
void collect(Parts* p, T* field, Changes* all) {
  all->push_back([=] { set(p, field); });
}
void collect(Parts*, std::string_view*, Changes*) {}  // texts: the bytes' own mutations

#define SCT_COLLECT(type, name, value, holds) collect(p, &t->name, all);
#define SCT_OVERLOAD(table)                                        \
  void collect(Parts* p, format::fields::table* t, Changes* all) { \
    (void)p, (void)t, (void)all;                                   \
    SCT_FIELDS_##table(SCT_COLLECT)                                \
  }
SCT_TABLES(SCT_OVERLOAD)
#undef SCT_OVERLOAD
#undef SCT_COLLECT

// The numbers of buffers in a table.
using Refs = std::vector<format::BufferRef*>;
template <typename T>
void find(T*, Refs*) {}
void find(format::BufferRef* ref, Refs* all) { all->push_back(ref); }
#define SCT_FIND(type, name, value, holds) find(&t->name, all);
#define SCT_OVERLOAD(table)                                         \
  [[maybe_unused]] void find(format::fields::table* t, Refs* all) { \
    (void)t, (void)all;                                             \
    SCT_FIELDS_##table(SCT_FIND)                                    \
  }
SCT_TABLES(SCT_OVERLOAD)
#undef SCT_OVERLOAD
#undef SCT_FIND

void change_one(Parts* p, const Changes& all) {
  if (!all.empty()) all[p->below(all.size())]();
}

template <typename Table>
void change(Parts* p, Table* table) {
  Changes all;
  collect(p, table, &all);
  change_one(p, all);
}

}  // namespace

void change_field(Parts* p, format::Options* options) {
  std::visit(
      [&](auto& table) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(table)>, std::monostate>)
          change(p, &table);
      },
      *options);
}
void change_field(Parts* p, format::Tensor* t) {
  change(p, static_cast<format::fields::Tensor*>(t));
}
void change_field(Parts* p, format::Port* port) { change(p, port); }
void change_field(Parts* p, format::State* state) { change(p, state); }

void drop_unread_buffers(format::Model* model) {
  Refs all;
  for (format::Tensor& t : model->tensors) find(static_cast<format::fields::Tensor*>(&t), &all);
  for (format::Op& op : model->ops) {
    std::visit(
        [&](auto& table) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(table)>, std::monostate>)
            find(&table, &all);
        },
        op.options);
  }
  std::vector<format::Buffer> kept;
  std::vector<uint32_t> numbers(model->buffers.size(), format::kNoBuffer);
  for (format::BufferRef* ref : all) {
    if (ref->number >= numbers.size()) continue;
    uint32_t& number = numbers[ref->number];
    if (number == format::kNoBuffer) {
      number = static_cast<uint32_t>(kept.size());
      kept.push_back(model->buffers[ref->number]);
    }
    *ref = number;
  }
  model->buffers = std::move(kept);
}

}  // namespace secateur::testing
