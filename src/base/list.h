#pragma once
// A doubly linked list whose hooks live in the elements: O(1) in and out, no allocation, and an
// element that dies leaves its list by itself.
#include "base/check.h"

namespace cirque::base {

class ListHook {
 public:
  ListHook() noexcept = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;

  ~ListHook() { unlink(); }

  bool is_linked() const noexcept { return next_ != nullptr; }

  void unlink() noexcept {
    if (!next_) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }

 private:
  template <class T>
  friend class List;

  ListHook* prev_ = nullptr;
  ListHook* next_ = nullptr;
};

// T derives from ListHook. The list does not own its elements; it must be empty, or its elements
// unlinked, before either side is used again after the list's death.
template <class T>
class List {
 public:
  List() noexcept { head_.prev_ = head_.next_ = &head_; }

  List(const List&) = delete;
  List& operator=(const List&) = delete;

  ~List() {
    while (!empty()) head_.next_->unlink();
    head_.prev_ = head_.next_ = nullptr;
  }

  bool empty() const noexcept { return head_.next_ == &head_; }

  T* front() noexcept { return empty() ? nullptr : static_cast<T*>(head_.next_); }

  T* back() noexcept { return empty() ? nullptr : static_cast<T*>(head_.prev_); }

  void push_back(T& item) noexcept { insert(*head_.prev_, item); }

  void push_front(T& item) noexcept { insert(head_, item); }

  T* pop_front() noexcept {
    T* item = front();
    if (item) static_cast<ListHook*>(item)->unlink();
    return item;
  }

  // Moves every element of `other` to the end of this list.
  void splice(List& other) noexcept {
    if (other.empty()) return;
    ListHook* first = other.head_.next_;
    ListHook* last = other.head_.prev_;
    other.head_.next_ = other.head_.prev_ = &other.head_;
    head_.prev_->next_ = first;
    first->prev_ = head_.prev_;
    last->next_ = &head_;
    head_.prev_ = last;
  }

  // `visit` may unlink or destroy the element it is given, and no other.
  template <class Visit>
  void for_each(Visit visit) {
    for (ListHook* at = head_.next_; at != &head_;) {
      ListHook* next = at->next_;
      visit(*static_cast<T*>(at));
      at = next;
    }
  }

 private:
  static void insert(ListHook& after, ListHook& item) noexcept {
    CIRQUE_CHECK(!item.is_linked());
    item.prev_ = &after;
    item.next_ = after.next_;
    after.next_->prev_ = &item;
    after.next_ = &item;
  }

  ListHook head_;
};

}  // namespace cirque::base
