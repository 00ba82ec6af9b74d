// How the rows of an option table say where their values live. For the .cpp files with such tables.
// NOLINTBEGIN(llvm-header-guard,bugprone-macro-parentheses): a lambda's parameters cannot have any
#pragma once

#define IN(Record, member) +[](void* r) -> auto& { return static_cast<Record*>(r)->member; }
#define RECORDS(Record, member)                                                              \
  Records {                                                                                  \
    +[](void* r, std::size_t size) { static_cast<Record*>(r)->member.resize(size); },        \
        +[](void* r) { return static_cast<Record*>(r)->member.size(); },                     \
        +[](void* r, std::size_t i) -> void* { return &static_cast<Record*>(r)->member[i]; } \
  }
// NOLINTEND(llvm-header-guard,bugprone-macro-parentheses)
