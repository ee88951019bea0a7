#include "machine/profile.h"

#include <cmath>
#include <vector>

#include "base/text.h"

namespace secateur {
namespace {

constexpr int kMostDepth = 16;
constexpr double kMost = 9e15;  // whole numbers up to here are exact

// JSON, one value after the other, as far as a profile needs it: strings without escapes that would
// matter, numbers as the writers of profiles print them. What is asked for and not there clears
// `ok`, for good.
class Json {
 public:
  explicit Json(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool ok = true;

  // The next character that is no space; 0 at the end.
  [[gnu::noinline]] char peek() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) at_++;
    return ok && at_ != end_ ? *at_ : '\0';
  }
  [[gnu::noinline]] bool take(char wanted) {
    if (peek() != wanted) return false;
    at_++;
    return true;
  }
  [[gnu::noinline]] void expect(char wanted) { ok = take(wanted) && ok; }
  bool at_end() { return peek() == '\0' && at_ == end_; }

  std::string_view string() {
    expect('"');
    const char* begin = at_;
    while (ok && at_ != end_ && *at_ != '"') at_ += *at_ == '\\' && end_ - at_ > 1 ? 2 : 1;
    const std::string_view found(begin, static_cast<size_t>(at_ - begin));
    expect('"');
    return found;
  }

  double number() {
    const bool negative = take('-');
    double value = 0;
    int exponent = 0, digits = 0;
    for (bool fraction = false; at_ != end_; at_++) {
      if (*at_ == '.' && !fraction) {
        fraction = true;
      } else if (*at_ >= '0' && *at_ <= '9') {
        value = 10 * value + (*at_ - '0');
        exponent -= fraction;
        digits++;
      } else {
        break;
      }
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      at_++;
      const bool less = take('-');
      if (!less) take('+');
      int power = 0;
      while (at_ != end_ && *at_ >= '0' && *at_ <= '9' && power < 999) {
        power = 10 * power + (*at_++ - '0');
      }
      exponent += less ? -power : power;
    }
    ok = ok && digits > 0;
    for (; exponent < 0; exponent++) value /= 10;
    for (; exponent > 0 && value < kMost; exponent--) value *= 10;
    return negative ? -value : value;
  }

  int64_t integer() {
    const double value = number();
    const auto whole = static_cast<int64_t>(std::fabs(value) < kMost ? value : 0);
    ok = ok && static_cast<double>(whole) == value;
    return whole;
  }

  // What begins with `open` and holds items between commas.
  template <class Item>
  void list(char open, char close, const Item& item) {
    expect(open);
    if (take(close)) return;
    do item();
    while (take(',') && ok);
    expect(close);
  }

  // Calls member(key) for each member of an object; it reads the value.
  template <class Member>
  void object(const Member& member) {
    list('{', '}', [&] {
      const std::string_view key = string();
      expect(':');
      member(key);
    });
  }

  void skip(int depth = 0) {
    const char next = peek();
    ok = ok && depth < kMostDepth;
    if (next == '"') {
      string();
    } else if (next == '{' || next == '[') {
      list(next, next == '{' ? '}' : ']', [&] {
        if (next == '{') string(), expect(':');
        skip(depth + 1);
      });
    } else if (next >= 'a' && next <= 'z') {  // true, false, null
      while (at_ != end_ && *at_ >= 'a' && *at_ <= 'z') at_++;
    } else {
      number();
    }
  }

 private:
  const char* at_;
  const char* end_;
};

Status refused(std::string what) { return {StatusCode::file_corrupt, std::move(what)}; }

[[gnu::noinline]] MeasuredPlan read_plan(Json* json) {
  MeasuredPlan plan;
  size_t count = 0;
  json->list('[', ']', [&] {
    const int64_t value = json->integer();
    if (count < plan.value.size()) plan.value[count] = value;
    count++;
  });
  json->ok = json->ok && count == plan.value.size();
  return plan;
}

}  // namespace

Status apply_profile(std::string_view text_of_file, Isa isa, Machine* machine) {
  Json json(text_of_file);
  int64_t version = 0;
  std::string_view cpu, family, isa_of_file;
  Machine found = *machine;
  auto plans = std::make_shared<std::vector<MeasuredPlan>>();
  bool sound = true;
  json.object([&](std::string_view key) {
    if (key == "secateur_profile") {
      version = json.integer();
    } else if (key == "cpu") {
      cpu = json.string();
    } else if (key == "family") {
      family = json.string();
    } else if (key == "isa") {
      isa_of_file = json.string();
    } else if (key == "l1_bytes" || key == "l2_bytes") {
      const int64_t bytes = json.integer();
      sound = sound && bytes >= (8 << 10) && bytes <= (1 << 30);
      (key[1] == '1' ? found.l1_bytes : found.l2_bytes) = bytes;
    } else if (key == "costs") {
      json.object([&](std::string_view name) {
        const double given = json.number();
        sound = sound && given >= 0 && given <= 1e6;
        if (double* field = find_cost(&found.costs, found.model, name)) *field = given;
      });
    } else if (key == "plans") {
      json.list('[', ']', [&] { plans->push_back(read_plan(&json)); });
    } else {
      json.skip();
    }
  });
  if (!json.ok || !json.at_end() || version == 0) return refused("it is no machine profile");
  if (version != kProfileVersion) {
    return refused(text("its version is ", version, ", this library reads ", kProfileVersion));
  }
  const std::string here = cpu_identity();
  if (cpu != std::string_view(here))
    return refused(text("it is of the CPU ", cpu, ", this one is ", here));
  if (family != machine->name || isa_of_file != isa_name(isa)) {
    return refused(text("it is of ", isa_of_file, " on ", family, ", this model runs ",
                        isa_name(isa), " on ", machine->name));
  }
  if (!sound) return refused("a number in it is out of range");
  found.plans = std::move(plans);
  found.profiled = true;
  *machine = std::move(found);
  return {};
}

std::string profile_name(Isa isa) { return text(cpu_identity(), "-", isa_name(isa), ".json"); }

}  // namespace secateur
